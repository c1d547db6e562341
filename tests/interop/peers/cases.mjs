// What Node and the browser share: as cases.rs has it.

export const SIZES = [0, 125, 126, 127, 65_535, 65_536, (1 << 20) + 3]
export const CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]

export const text = size => 'aé…𝄞'.repeat(Math.floor(size / 10)) + '.'.repeat(size % 10)
export const binary = size => Uint8Array.from({ length: size }, (_, i) => i % 251)
export const reason = code => code === 4999 ? 'é'.repeat(61) + '.' : `because of ${code} ✓`
