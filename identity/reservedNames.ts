/** Longest user, group or uid that is sent on: far above any real name, and 500 groups stay within a request head. */
export const maximumNameBytes = 1024

/**
 * Why a name must not be impersonated, undefined when it may be. Applied to what is sent to the API server, after prefixes.
 * Not configurable: each of these names carries rights that no identity provider can be meant to hand out
 * (`system:` is reserved by Kubernetes for its own components; kubeadm binds `kubeadm:cluster-admins` to cluster-admin).
 */
export const reservedName = (name: string): string | undefined => {
  for (const prefix of ["system:", "kubeadm:"]) if (name.startsWith(prefix)) return `names beginning with ${prefix}`
  if (name === "kubernetes-admin") return "kubernetes-admin"
  return undefined
}

/** Why a text is no usable name (it would be altered, cut or misread on the way to the API server), undefined when it is. */
export const unusableName = (name: string): string | undefined => {
  if (name === "") return "it is empty"
  if (Buffer.byteLength(name) > maximumNameBytes) return `it is longer than ${maximumNameBytes} bytes`
  // A lone surrogate has no UTF-8 form: two different names would become the same bytes.
  if (!name.isWellFormed()) return "it is not well-formed Unicode"
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) return "it contains a control character"
  if (/^[\s\p{Z}\p{Cf}]|[\s\p{Z}\p{Cf}]$/u.test(name)) return "it begins or ends with a blank"
  return undefined
}
