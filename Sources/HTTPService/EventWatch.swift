// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Hummingbird
import NIOCore
import Requests
import ServiceAPI
import ServiceLedger

/// Sends one client what changes: a snapshot first, then the state of whatever has changed, as it is
/// when it is sent.
struct EventWatch: Sendable {
    /// Events of one watcher are at least this far apart: what changes faster is sent once.
    static let interval = Duration.milliseconds(250)
    /// A comment is sent after so much silence.
    static let silenceMax = Duration.seconds(15)
    /// Whether the client may stay is asked so often, if something changes or not.
    static let permissionInterval = Duration.seconds(1)

    let service: any ImageServing
    /// `nil` for all of the caller's.
    let batch: BatchID?
    let caller: ServedCaller
    let queue: EventQueue

    private struct ImageEvent: Encodable {
        var batch: String
        var image: ImageAnswer
    }

    private struct ProgressEvent: Encodable {
        var batch: String
        var index: Int
        var step: Int
        var steps: Int
    }

    /// Sends until the client leaves or may not watch any more, its batch is deleted, or the service
    /// stops.
    ///
    /// - Parameter mayStay: whether the client may still watch.
    func send(
        to writer: inout any ResponseBodyWriter, mayStay: () async throws -> Bool
    ) async throws {
        let clock = ContinuousClock()
        var (lastSent, lastAsked) = (clock.now, clock.now)
        var count = 0
        var ended = EndedBatches()
        try await writer.write(ByteBuffer(string: try await snapshot(&count)))
        while let changes = await queue.next(), !Task.isCancelled {
            if clock.now - lastAsked >= Self.permissionInterval {
                guard try await mayStay() else { return }
                lastAsked = clock.now
            }
            var text = ""
            for change in changes.sorted(by: { $0.order < $1.order }) {
                text += try await event(for: change, &ended, &count) ?? ""
            }
            if text.isEmpty, clock.now - lastSent >= Self.silenceMax { text = EventText.comment }
            guard !text.isEmpty else { continue }
            try await writer.write(ByteBuffer(string: text))
            if let batch, changes.contains(.deleted(batch)) { return }
            lastSent = clock.now
            try await Task.sleep(for: Self.interval)
        }
        // A revoked key ends its streams at once, and says nothing of coming back.
        guard try await mayStay() else { return }
        try await writer.write(ByteBuffer(string: EventText.goodbye(retryMilliseconds: 2000)))
    }

    private func snapshot(_ count: inout Int) async throws -> String {
        let data: String
        if let batch {
            data = try JSONText.line(
                try await service.batch(batch, for: caller, images: ImagePage()))
        } else {
            let batches = try await service.batches(BatchQuery(), for: caller)
            data = try JSONText.line(["batches": batches])
        }
        return event("snapshot", data, &count)
    }

    private struct PreviewEvent: Encodable {
        var batch: String
        var index: Int
        var step: Int
        var steps: Int
        /// A PNG, as a URL that a page shows.
        var preview: String
    }

    private func event(
        for change: EventQueue.Change, _ ended: inout EndedBatches, _ count: inout Int
    ) async throws -> String? {
        do {
            switch change {
            case .batch(let id):
                guard !ended.contains(id) else { return nil }
                let answer = try await service.batch(id, for: caller, images: nil)
                if BatchStatus(rawValue: answer.status)?.isFinal == true { ended.insert(id) }
                return event("batch", try JSONText.line(answer), &count)
            case .image(let id, let index):
                guard !ended.contains(id) else { return nil }
                let image = try await service.image(index, of: id, for: caller)
                let data = try JSONText.line(ImageEvent(batch: id.text, image: image))
                return event("image", data, &count)
            case .progress(let id, let index):
                guard !ended.contains(id) else { return nil }
                let image = try await service.image(index, of: id, for: caller)
                guard let step = image.step, let steps = image.steps else { return nil }
                let data = try JSONText.line(
                    ProgressEvent(batch: id.text, index: index, step: step, steps: steps))
                return event("progress", data, &count)
            case .preview(let id, let index):
                guard !ended.contains(id),
                    let preview = try await service.preview(
                        index, of: id, for: caller, isEnlarged: false)
                else { return nil }
                let data = try JSONText.line(
                    PreviewEvent(
                        batch: id.text, index: index, step: preview.step, steps: preview.steps,
                        preview: preview.dataURL))
                return event("preview", data, &count)
            case .deleted(let id):
                ended.insert(id)
                return event("deleted", try JSONText.line(["id": id.text]), &count)
            }
        } catch let problem as APIProblem where problem.status == 404 || problem.status == 410 {
            // It was deleted meanwhile.
            return nil
        }
    }

    private func event(_ type: String, _ data: String, _ count: inout Int) -> String {
        count += 1
        return EventText.event(type, id: "\(count)", data: data)
    }
}

extension EventQueue.Change {
    /// A batch's end comes after the ends of its images.
    fileprivate var order: Int {
        switch self {
        case .progress, .preview: 0
        case .image: 1
        case .batch: 2
        case .deleted: 3
        }
    }
}
