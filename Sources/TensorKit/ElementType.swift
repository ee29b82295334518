// SPDX-License-Identifier: Apache-2.0

/// How one value of a tensor is stored.
package enum ElementType: Sendable, Hashable {
    /// IEEE 754 binary32.
    case float32
    /// The upper half of a binary32, rounded to nearest even.
    case bfloat16

    /// Its name in a kernel class.
    var name: String {
        switch self {
        case .float32: "f32"
        case .bfloat16: "bf16"
        }
    }

    /// Bytes per value.
    package var byteCount: Int {
        switch self {
        case .float32: 4
        case .bfloat16: 2
        }
    }
}
