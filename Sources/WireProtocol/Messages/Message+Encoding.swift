// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

extension Message {
    /// zstd's level for latents.
    ///
    /// Mantissas are noise, so higher levels gain nothing; `Protocol.md` has the measurements.
    package static let defaultCompressionLevel = 1

    /// The frame of this message, ready for the wire.
    ///
    /// - Parameter compressionLevel: zstd's level for long payloads; `nil` sends them raw.
    package func frame(compressionLevel: Int? = defaultCompressionLevel) -> Frame {
        let content = content()
        return Frame(
            type: type, stream: lease.map { $0.item + 1 } ?? 0, content: content,
            boundaries: boundaries(contentByteCount: content.count), level: compressionLevel)
    }

    /// The offsets at which the byte planes of latents or of a checkpoint begin.
    private func boundaries(contentByteCount: Int) -> [Int] {
        let byteCount: Int
        switch self {
        case .result(let result): byteCount = 4 * result.latents.values.count
        case .checkpoint(_, let checkpoint): byteCount = checkpoint.bytes.count
        case .picture(_, let picture):
            let planeByteCount = picture.image.bytes.count / 3
            return (1...3).reversed().map { contentByteCount - $0 * planeByteCount }
        case .prepare(_, let preparation): byteCount = preparation.checkpoint?.bytes.count ?? 0
        default: return []
        }
        // No two at the same offset.
        guard byteCount >= 4 else { return [] }
        return (0..<4).map { contentByteCount - byteCount + $0 * (byteCount / 4) }
    }

    private func content() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .hello(let node), .welcome(let node): writer.write(node)
        case .refuse(let reason), .drain(let reason), .goodbye(let reason): writer.write(reason)
        case .assign(let lease, let request):
            writer.write(lease)
            writer.write(request)
        case .prepare(let lease, let preparation):
            writer.write(lease)
            writer.write(preparation)
        case .picture(let lease, let picture):
            writer.write(lease)
            writer.write(picture)
        case .watch(let lease, let interval):
            writer.write(lease)
            writer.write(UInt32(clamping: interval))
        case .preview(let lease, let preview):
            writer.write(lease)
            writer.write(preview)
        case .checkpoint(let lease, let checkpoint):
            writer.write(lease)
            writer.write(checkpoint)
        case .progress(let report):
            writer.write(report.lease)
            writer.write(UInt32(report.step))
            writer.write(UInt32(report.stepCount))
            writer.write(report.seconds)
        case .result(let result): writer.write(result)
        case .resultAck(let lease), .ackConfirm(let lease), .cancel(let lease): writer.write(lease)
        case .nak(let lease, let reason), .term(let lease, let reason):
            writer.write(lease)
            writer.write(reason)
        case .ping(let number), .pong(let number): writer.write(number)
        }
        return writer.bytes
    }
}

extension ByteWriter {
    mutating func write(_ lease: Lease) {
        write(UInt16(lease.attempt))
        writeZeros(6)
        write(lease.token)
    }

    fileprivate mutating func write(_ reason: WireReason) {
        write(reason.code.wireValue)
        writeZeros(2)
        write(UInt32(reason.retryAfterMilliseconds))
        writeShortText(reason.text, max: WireLimits.reasonByteCountMax)
    }

    fileprivate mutating func write(_ node: NodeDescription) {
        write(node.role.rawValue)
        writeZeros(1)
        write(UInt16(node.credits))
        write(UInt32(node.coreCount))
        write(node.memoryByteCount)
        write(UInt32(node.payloadByteCountMax))
        writeZeros(4)
        write(node.instance)
        write(node.model.unet)
        write(node.model.textEncoder)
        write(node.model.vae)
        for name in [node.name, node.build, node.kernelClass] {
            writeShortText(name, max: WireLimits.nameByteCountMax)
        }
        write(UInt16(node.pictureCount))
    }

    fileprivate mutating func write(_ preparation: Preparation) {
        write(UInt32(clamping: preparation.checkpointInterval))
        write(UInt8(preparation.checkpoint == nil ? 0 : 1))
        write(UInt8(preparation.wantsPicture ? 1 : 0))
        writeZeros(2)
        if let checkpoint = preparation.checkpoint { write(checkpoint) }
    }

    fileprivate mutating func write(_ picture: WorkerPicture) {
        write(picture.seconds)
        write(UInt32(picture.image.width))
        write(UInt32(picture.image.height))
        writeShortText(picture.kernelClass, max: WireLimits.nameByteCountMax)
        write(PixelPlanes.shuffle(picture.image.bytes, width: picture.image.width))
    }

    fileprivate mutating func write(_ preview: LatentPreview) {
        write(UInt32(clamping: preview.step))
        for size in [preview.channels, preview.height, preview.width] {
            write(UInt16(clamping: size))
        }
        writeZeros(2)
        write(preview.scale)
        write(preview.values.map { UInt8(bitPattern: $0) })
    }

    fileprivate mutating func write(_ checkpoint: SamplingCheckpoint) {
        write(UInt32(clamping: checkpoint.step))
        writeShortText(checkpoint.kernelClass, max: WireLimits.nameByteCountMax)
        write(UInt32(clamping: checkpoint.bytes.count))
        write(BytePlanes.shuffle(checkpoint.bytes))
    }
}
