// SPDX-License-Identifier: Apache-2.0

/// The nearest bf16 number, ties to even.
func roundedToBFloat16(_ value: Float) -> Float {
    let bits = value.bitPattern
    return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
}
