import { MergedKubeconfig } from "../kubeconfig/MergedKubeconfig.ts"

// Merges one entry into a kubeconfig and takes it out again: as often as it is told, or until it is killed. Before each change it
// says so, so that a parent can kill it in the middle of one.
const [path = "", locks = "", name = "", times = "Infinity"] = process.argv.slice(2)
for (let turn = 0; turn < Number(times); turn += 1) {
  const entries = [{ name, port: 47_011, authorityPem: "x".repeat(5_000), credential: `ccsession_${name}` }]
  process.stdout.write("+")
  const merged = await MergedKubeconfig.merge({
    places: { target: path, others: [] },
    entries,
    current: true,
    mayReplace: undefined,
    locks,
  })
  process.stdout.write("-")
  await merged.remove()
}
