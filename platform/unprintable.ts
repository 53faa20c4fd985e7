/** Control and formatting characters (they move a cursor, or turn the text around), unassigned ones, and line separators. */
export const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu
