// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// Upper bounds on everything a peer may send; each is checked before memory is allocated for it.
package enum WireLimits {
    /// Bytes of a frame header.
    package static let headerByteCount = 32
    /// Most bytes of a name in a handshake: node name, build or kernel class.
    package static let nameByteCountMax = 255
    /// Most bytes of the text that explains a refusal, an error or a goodbye.
    package static let reasonByteCountMax = 1024
    /// Most bytes of the name of a merge method.
    package static let mergeMethodByteCountMax = 32
    /// Maximum size of the tagged merge options.
    package static let taggedMergeOptionsByteCountMax = 1024
    /// Most latent channels (Stable Diffusion has 4).
    package static let latentChannelCountMax = 16
    /// Longest side of latents; pictures are 8 times as long.
    package static let latentSideMax = GenerationLimits.sideMax / 8
    /// Maximum assignments that a worker may accept at a time.
    package static let creditsMax = 64
    /// Maximum attempts of one image.
    package static let attemptMax = 1000
    /// Longest pause that a peer may request, in milliseconds (one hour).
    package static let retryAfterMillisecondsMax = 3_600_000
    /// Largest zstd window a peer may make us hold, as a power of two: 16 MiB.
    package static let zstdWindowLogMax = 24
    /// Longest duration that a peer may report, in seconds (a year): sums stay finite.
    package static let secondsMax = 31_536_000.0
    /// Maximum size of a checkpoint; images with longer checkpoints are generated without.
    package static let checkpointByteCountMax = 8 << 20
    /// Maximum size of a picture's pixels; larger ones are decoded where their latents are
    /// collected.
    package static let pictureByteCountMax = 16 << 20
    /// Longest time between two previews that may be asked for, in milliseconds.
    package static let watchIntervalMillisecondsMax = 60_000
    /// Maximum steps from one checkpoint to the next.
    package static let checkpointIntervalMax = 2 * GenerationLimits.inferenceStepCountMax
    /// Maximum payload of the first frame of a connection: no stranger makes us hold more.
    package static let firstPayloadByteCountMax = smallByteCountMax
    /// Payloads shorter than this many bytes are never compressed.
    package static let compressionByteCountMin = 256

    /// Most payload bytes of a handshake, before and after decompression.
    static let handshakeByteCountMax = 1024
    /// Most payload bytes of the small messages.
    static let smallByteCountMax = 2048
    /// Maximum payload of ASSIGN: two prompts, the fixed fields, a list of refreshes, and tagged
    /// merge options.
    static let assignByteCountMax =
        256 + taggedMergeOptionsByteCountMax + 2 * GenerationLimits.promptByteCountMax
        + 4 * TokenMergeConfiguration.refreshCallCountMax
    /// Most payload bytes of CHECKPOINT and PREPARE: a checkpoint and the fixed fields.
    static let checkpointPayloadByteCountMax = 512 + checkpointByteCountMax
    /// Most payload bytes of PICTURE: its pixels and the fixed fields.
    static let picturePayloadByteCountMax = 512 + pictureByteCountMax
    /// Most payload bytes of PREVIEW: the largest latents in 8 bits and the fixed fields.
    static let previewPayloadByteCountMax =
        256 + latentChannelCountMax * latentSideMax * latentSideMax
    /// Most payload bytes of RESULT: the largest latents in f32 and the fixed fields.
    static let resultByteCountMax =
        256 + latentChannelCountMax * latentSideMax * latentSideMax * MemoryLayout<Float>.size
}
