import type { OperatorWorld } from "./OperatorWorld.ts"

/** A metric summed over its labels and over the pods of a component that run: read inside, from the pods' health ports. */
export const podMetric = async (
  { cluster, namespace }: OperatorWorld,
  component: "operator" | "agent" | "auth-proxy",
  port: number,
  name: string,
): Promise<number> => {
  const selector = `--selector=app.kubernetes.io/component=${component}`
  const path = "--output=jsonpath={.items[*].status.podIP}"
  const addresses = await cluster.admin(["get", "pods", "--namespace", namespace, selector, path])
  const values = addresses
    .split(" ")
    .filter((address) => address !== "")
    .map(async (address) => {
      const script = `process.stdout.write(await (await fetch("http://${address}:${port}/metrics")).text())`
      const { stdout } = await cluster.run(process.execPath, ["-e", script])
      return stdout
        .split("\n")
        .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0)
    })
  return (await Promise.all(values)).reduce((sum, value) => sum + value, 0)
}
