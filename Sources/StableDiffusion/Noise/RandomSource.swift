// SPDX-License-Identifier: Apache-2.0

/// A stream of standard normal noise for the samplers that add noise between steps.
package protocol RandomSource {
    /// Overwrites every value with standard normal noise, as `torch.randn(buffer.count)`.
    mutating func fillNormal(_ buffer: UnsafeMutableBufferPointer<Float>)
}
