// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

// RESULT: latents with the facts about them.

extension ByteWriter {
    mutating func write(_ result: LatentResult) {
        let facts = result.sampled.facts
        write(result.lease)
        write(UInt32(facts.channels))
        write(UInt32(facts.height))
        write(UInt32(facts.width))
        write(UInt32(clamping: facts.resumedStep))
        write(facts.timings.textEncodingSeconds)
        write(facts.timings.samplingSeconds)
        let merging = facts.tokenMerging
        write(UInt32(clamping: merging.computedPlanCount))
        write(UInt32(clamping: merging.reusedPlanCount))
        write(UInt64(clamping: merging.tokenCountBefore))
        write(UInt64(clamping: merging.tokenCountAfter))
        write(UInt64(clamping: merging.byteCount))
        write(UInt64(clamping: merging.scratchByteCount))
        write(facts.sha256)
        write(BytePlanes.shuffle(result.latents.values))
    }
}

extension ByteReader {
    mutating func readResult(_ item: UInt32) throws(WireError) -> LatentResult {
        let lease = try readLease(item)
        let sides = 1...WireLimits.latentSideMax
        let channels = try read(
            UInt32.self, "channels", in: 1...WireLimits.latentChannelCountMax)
        let height = try read(UInt32.self, "height", in: sides)
        let width = try read(UInt32.self, "width", in: sides)
        let stepMax = 2 * GenerationLimits.inferenceStepCountMax
        let resumedStep = try read(UInt32.self, "resumed step", in: 0...stepMax)
        let timings = GenerationTimings(
            textEncodingSeconds: try readSeconds("text encoding seconds"),
            samplingSeconds: try readSeconds("sampling seconds"))
        var merging = TokenMergeStatistics()
        let countMax = Int(Int64.max)
        merging.computedPlanCount = Int(try read(UInt32.self, "plans computed"))
        merging.reusedPlanCount = Int(try read(UInt32.self, "plans reused"))
        merging.tokenCountBefore = try read(UInt64.self, "tokens before", in: 0...countMax)
        merging.tokenCountAfter = try read(UInt64.self, "tokens after", in: 0...countMax)
        merging.byteCount = try read(UInt64.self, "plan bytes", in: 0...countMax)
        merging.scratchByteCount = try read(UInt64.self, "scratch bytes", in: 0...countMax)
        let digest = try readBytes(32, "SHA-256")
        let planes = try readBytes(channels * height * width * 4, "latents")
        let latents = GeneratedLatents(
            channels: channels, height: height, width: width, values: BytePlanes.unshuffle(planes))
        guard latents.sha256 == digest else { throw .digestMismatch(item: item) }
        return LatentResult(
            lease: lease,
            sampled: SampledImage(
                latents: latents, sha256: digest, timings: timings, tokenMerging: merging,
                resumedStep: resumedStep))
    }
}
