/** Major and minor version of a Kubernetes program. */
export interface KubernetesVersion {
  readonly major: number
  readonly minor: number
}

/** Reads "v1.37.2", "1.34" and vendors' forms such as "v1.36.1-eks-1a2b3c" or "v1.35.0+k3s1"; undefined for anything else. */
export function parseKubernetesVersion(text: string): KubernetesVersion | undefined {
  const match = /^v?(\d+)\.(\d+)(?:\.\d+)?(?:[-+.].*)?$/.exec(text.trim())
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) }
}

/** Kubernetes' version skew policy for kubectl: one minor version older or newer than the API server. */
export function withinOneMinor(a: KubernetesVersion, b: KubernetesVersion): boolean {
  return a.major === b.major && Math.abs(a.minor - b.minor) <= 1
}
