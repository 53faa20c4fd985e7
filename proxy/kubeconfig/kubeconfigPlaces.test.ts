import { expect, test } from "bun:test"
import { delimiter } from "node:path"
import { kubeconfigPlaces } from "./kubeconfigPlaces.ts"

const places = (list: readonly string[], present: readonly string[]) =>
  kubeconfigPlaces({ KUBECONFIG: list.join(delimiter) }, "/home/a", (path) => present.includes(path))

test("as kubectl does it: the first file of $KUBECONFIG that exists, else the last, else ~/.kube/config", () => {
  expect(places(["/a", "/b", "/c"], ["/b", "/c"])).toEqual({ target: "/b", others: ["/a", "/c"] })
  expect(places(["/a", "/b", "/b", ""], [])).toEqual({ target: "/b", others: ["/a"] })
  expect(places([], [])).toEqual({ target: "/home/a/.kube/config", others: [] })
  expect(kubeconfigPlaces({}, "/home/a")).toEqual({ target: "/home/a/.kube/config", others: [] })
})
