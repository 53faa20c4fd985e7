/** A program of `run`: asks the first cluster of $KUBECONFIG and prints what this process was given. */
export const asking = `
  const { readFileSync, statSync } = require("node:fs")
  const https = require("node:https")
  const file = process.env.KUBECONFIG
  const config = Bun.YAML.parse(readFileSync(file, "utf8"))
  const { server, "certificate-authority-data": ca } = config.clusters[0].cluster
  const headers = { authorization: "Bearer " + config.users[0].user.token }
  https.get(server + "/api/v1/pods", { ca: Buffer.from(ca, "base64"), rejectUnauthorized: true, headers }, (answer) => {
    answer.resume()
    console.log(JSON.stringify({
      status: answer.statusCode,
      file,
      mode: (statSync(file).mode & 0o777).toString(8),
      contexts: config.contexts.map(({ name }) => name),
      current: config["current-context"],
      environment: Object.keys(process.env),
    }))
  })`
