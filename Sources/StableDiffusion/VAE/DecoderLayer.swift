// SPDX-License-Identifier: Apache-2.0

/// One layer of the chain between a decoder's two outer convolutions.
struct DecoderLayer: Sendable {
    /// Its operation.
    enum Kind: Sendable {
        case resnet(DecoderResnet)
        case attention(VAEAttention)
        case upsampler(DecoderUpsampler)
    }

    /// Its name in the checkpoint.
    let name: String
    let kind: Kind
}
