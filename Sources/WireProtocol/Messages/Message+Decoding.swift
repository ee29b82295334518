// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

extension Message {
    /// Parses a frame whose checksum is verified.
    ///
    /// - Returns: `nil` for an optional message of a newer peer, which must be skipped.
    /// - Throws: a `WireError` that names the field, and the lease if only that image is lost;
    ///   never traps, whatever the bytes are.
    package init?(_ frame: Frame) throws(WireError) {
        guard let type = frame.header.type else { return nil }
        var reader = ByteReader(try frame.content(of: type), of: type)
        // The header check ensures that image messages have a stream above 0.
        let item = type.isAboutItem ? frame.header.stream - 1 : 0
        let minor = frame.header.version.minor
        self = try Self.parse(type, item: item, minor: minor, &reader)
        try reader.finish(senderMinor: minor)
    }

    private static func parse(
        _ type: MessageType, item: UInt32, minor: UInt8, _ reader: inout ByteReader
    ) throws(WireError) -> Message {
        switch type {
        case .hello: .hello(try reader.readNode(role: .coordinator, minor: minor))
        case .welcome: .welcome(try reader.readNode(role: .worker, minor: minor))
        case .refuse: .refuse(try reader.readReason())
        case .assign: .assign(try reader.readLease(item), try reader.readRequest())
        case .progress: .progress(try reader.readProgress(item))
        case .picture: .picture(try reader.readLease(item), try reader.readPicture())
        case .watch:
            .watch(try reader.readLease(item), intervalMilliseconds: try reader.readInterval())
        case .preview: .preview(try reader.readLease(item), try reader.readPreview())
        case .checkpoint: .checkpoint(try reader.readLease(item), try reader.readCheckpoint())
        case .result: .result(try reader.readResult(item))
        case .resultAck: .resultAck(try reader.readLease(item))
        case .ackConfirm: .ackConfirm(try reader.readLease(item))
        case .nak: .nak(try reader.readLease(item), try reader.readReason())
        case .term: .term(try reader.readLease(item), try reader.readReason())
        case .cancel: .cancel(try reader.readLease(item))
        case .prepare: .prepare(try reader.readLease(item), try reader.readPreparation())
        case .drain: .drain(try reader.readReason())
        case .ping: .ping(try reader.read(UInt64.self, "number"))
        case .pong: .pong(try reader.read(UInt64.self, "number"))
        case .goodbye: .goodbye(try reader.readReason())
        }
    }
}

extension ByteReader {
    mutating func readLease(_ item: UInt32) throws(WireError) -> Lease {
        let attempt = try read(UInt16.self, "attempt", in: 1...WireLimits.attemptMax)
        try readZeros(6, "lease")
        let lease = Lease(item: item, attempt: attempt, token: try read(UInt64.self, "token"))
        self.lease = lease
        return lease
    }

    fileprivate mutating func readReason() throws(WireError) -> WireReason {
        let code = WireErrorCode(wireValue: try read(UInt16.self, "code"))
        try readZeros(2, "reason")
        let retryAfter = try read(
            UInt32.self, "retry after", in: 0...WireLimits.retryAfterMillisecondsMax)
        let text = try readShortText("text", max: WireLimits.reasonByteCountMax)
        return WireReason(code, text, retryAfterMilliseconds: retryAfter)
    }

    fileprivate mutating func readNode(
        role expected: PeerRole, minor: UInt8
    ) throws(WireError) -> NodeDescription {
        let role = try read(UInt8.self, "role")
        guard role == expected.rawValue else {
            throw .fieldOutOfRange(type, field: "role", value: "\(role)")
        }
        try readZeros(1, "node")
        let credits = try read(
            UInt16.self, "credits", in: expected == .worker ? 1...WireLimits.creditsMax : 0...0)
        let coreCount = try read(UInt32.self, "cores", in: 1...65536)
        let memory = try read(UInt64.self, "memory")
        let payloadMax = try read(UInt32.self, "payload limit", in: 1024...Int(UInt32.max))
        try readZeros(4, "node")
        let instance = try readBytes(16, "instance")
        let model = ModelFingerprint(
            unet: try readBytes(32, "U-Net SHA-256"),
            textEncoder: try readBytes(32, "text encoder SHA-256"),
            vae: try readBytes(32, "VAE SHA-256"))
        let max = WireLimits.nameByteCountMax
        let name = try readShortText("name", max: max)
        let build = try readShortText("build", max: max)
        let kernelClass = try readShortText("kernel class", max: max)
        let isWorker = expected == .worker
        let pictures =
            minor < ProtocolVersion.firstMinorWithPictures
            ? nil : try read(UInt16.self, "pictures", in: isWorker ? 1...credits : 0...0)
        return NodeDescription(
            role: expected, instance: instance, name: name, build: build,
            kernelClass: kernelClass, coreCount: coreCount, memoryByteCount: memory, model: model,
            credits: credits, pictureCount: pictures, payloadByteCountMax: payloadMax,
            protocolMinor: minor)
    }

    fileprivate mutating func readPreparation() throws(WireError) -> Preparation {
        let interval = try read(
            UInt32.self, "checkpoint interval", in: 0...WireLimits.checkpointIntervalMax)
        let hasCheckpoint = try read(UInt8.self, "checkpoint follows", in: 0...1) == 1
        let wantsPicture = try read(UInt8.self, "picture wanted", in: 0...1) == 1
        try readZeros(2, "preparation")
        return Preparation(
            checkpointInterval: interval, checkpoint: hasCheckpoint ? try readCheckpoint() : nil,
            wantsPicture: wantsPicture)
    }

    fileprivate mutating func readPicture() throws(WireError) -> WorkerPicture {
        let seconds = try readSeconds("decoding seconds")
        let sides = 1...GenerationLimits.sideMax
        let width = try read(UInt32.self, "picture width", in: sides)
        let height = try read(UInt32.self, "picture height", in: sides)
        let kernelClass = try readShortText("kernel class", max: WireLimits.nameByteCountMax)
        let planes = try readBytes(3 * width * height, "pixels")
        let pixels = PixelPlanes.unshuffle(planes, width: width)
        return WorkerPicture(
            image: RGBImage(width: width, height: height, bytes: pixels),
            kernelClass: kernelClass, seconds: seconds)
    }

    fileprivate mutating func readInterval() throws(WireError) -> Int {
        try read(UInt32.self, "interval", in: 0...WireLimits.watchIntervalMillisecondsMax)
    }

    fileprivate mutating func readPreview() throws(WireError) -> LatentPreview {
        let step = try read(UInt32.self, "step", in: 1...WireLimits.checkpointIntervalMax)
        let channels = try read(
            UInt16.self, "channels", in: 1...WireLimits.latentChannelCountMax)
        let sides = 1...WireLimits.latentSideMax
        let height = try read(UInt16.self, "height", in: sides)
        let width = try read(UInt16.self, "width", in: sides)
        try readZeros(2, "preview")
        let scale = try readFloat("scale")
        guard scale.isFinite, scale > 0 else {
            throw .fieldOutOfRange(type, field: "scale", value: "\(scale)")
        }
        let bytes = try readBytes(channels * height * width, "values")
        return LatentPreview(
            step: step, channels: channels, height: height, width: width, scale: scale,
            values: bytes.map { Int8(bitPattern: $0) })
    }

    fileprivate mutating func readCheckpoint() throws(WireError) -> SamplingCheckpoint {
        let step = try read(UInt32.self, "step", in: 1...WireLimits.checkpointIntervalMax)
        let kernelClass = try readShortText("kernel class", max: WireLimits.nameByteCountMax)
        let count = try read(
            UInt32.self, "checkpoint bytes", in: 1...WireLimits.checkpointByteCountMax)
        let planes = try readBytes(count, "checkpoint")
        return SamplingCheckpoint(
            step: step, kernelClass: kernelClass, bytes: BytePlanes.unshuffled(planes))
    }

    fileprivate mutating func readProgress(_ item: UInt32) throws(WireError) -> ProgressReport {
        let lease = try readLease(item)
        let step = Int(try read(UInt32.self, "step"))
        // Twice the limit: two-stage solvers call the U-Net twice per step.
        let stepMax = 2 * GenerationLimits.inferenceStepCountMax
        let stepCount = try read(UInt32.self, "steps", in: 1...stepMax)
        guard step <= stepCount else {
            throw .fieldOutOfRange(type, field: "step", value: "\(step) of \(stepCount)")
        }
        return ProgressReport(
            lease: lease, step: step, stepCount: stepCount, seconds: try readSeconds("seconds"))
    }
}
