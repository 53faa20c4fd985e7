import { readFileSync, writeFileSync } from "node:fs"

/** Not a DNS name (RFC 1123) or not an address: it would change the meaning of the hosts file. */
export class NotAName extends Error {
  override readonly name = "NotAName"
}

const NAME = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/
const ADDRESS = /^[0-9a-f.:]+$/

/**
 * Gives an address a name in a hosts file, taking the name from any other address. Written in place: the file is
 * bind-mounted over /etc/hosts, and a mount keeps to the inode.
 */
export async function addHostName(file: string, name: string, address: string): Promise<void> {
  if (!NAME.test(name) || !ADDRESS.test(address)) {
    throw new NotAName(`cannot name ${address} ${name}: expected a lower-case DNS name and an IP address`)
  }
  const others = readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "" && line.split(/\s+/)[1] !== name)
  writeFileSync(file, `${[...others, `${address} ${name}`].join("\n")}\n`)
}
