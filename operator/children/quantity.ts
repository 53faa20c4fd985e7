const binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
const decimal: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, "": 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }

/** One text for one amount, whatever it was written as: the API server rewrites 0.5 to 500m and 1024Mi to 1Gi (apimachinery's resource.Quantity). */
export const amount = (quantity: string | number): string => {
  const text = String(quantity)
  const [, whole, fraction = "", suffix = ""] = /^([0-9]+)(?:\.([0-9]+))?([A-Za-z]*|[eE][+-]?[0-9]+)$/.exec(text) ?? []
  if (whole === undefined) return text
  const power = binary.indexOf(suffix) + 1
  const exponent = power > 0 ? 0 : (decimal[suffix] ?? Number(suffix.slice(1)))
  const digits = String(BigInt(whole + fraction) * 1024n ** BigInt(power))
  const significant = digits.replace(/0+$/, "")
  return significant === "" ? "0" : `${significant}e${exponent - fraction.length + digits.length - significant.length}`
}
