// SPDX-License-Identifier: Apache-2.0

package import ProcessSupport
package import ServiceLedger

/// A service as its HTTP face sees it.
///
/// Everything may be called on any thread and waits for the disk at most.
package protocol ImageServing: Sendable {
    /// Who asks.
    ///
    /// - Parameters:
    ///   - credentials: a key, where one was sent.
    ///   - isLocal: whether the request comes from this machine.
    /// - Throws: 401 where a key is needed, or is not one of this service.
    func visitor(_ credentials: String?, isLocal: Bool) async throws(APIProblem) -> ServedCaller

    /// Accepts images; they are on the disk when it returns.
    func submit(
        _ wish: Wish, by caller: ServedCaller
    ) async throws(APIProblem) -> (batch: BatchAnswer, isReplay: Bool)

    /// Ends a batch, however often it is asked.
    func cancel(_ id: BatchID, by caller: ServedCaller) async throws(APIProblem) -> BatchAnswer

    /// Removes a batch and everything that came of it.
    func erase(_ id: BatchID, by caller: ServedCaller) async throws(APIProblem)

    /// A batch as it is now.
    func batch(
        _ id: BatchID, for caller: ServedCaller, withImages: Bool
    ) async throws(APIProblem) -> BatchAnswer

    /// The caller's batches, newest first.
    func batches(
        _ query: BatchQuery, for caller: ServedCaller
    ) async throws(APIProblem) -> [BatchAnswer]

    /// One image of a batch as it is now; `nil` if the batch is not kept or has no such image.
    func image(
        _ index: Int, of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> ImageAnswer

    /// The bytes of a picture, a PNG.
    func picture(
        _ index: Int, of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> ServedFile

    /// The latents of an image, as diffusers saves them: `.safetensors`.
    func latents(
        _ index: Int, of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> ServedFile

    /// What `report.json` of a run says, of a batch.
    func report(of id: BatchID, for caller: ServedCaller) async throws(APIProblem) -> [UInt8]

    /// Models, samplers, limits, defaults: JSON.
    var capabilities: String { get }

    /// Workers and queue.
    func cluster(for caller: ServedCaller) -> ClusterAnswer

    /// What happens to a batch, or to all of a caller.
    func watch(
        _ id: BatchID?, for caller: ServedCaller
    ) async throws(APIProblem) -> EventQueue

    /// Why the service takes no work; `nil` if it does.
    var unreadiness: String? { get }

    /// Metrics.
    var metrics: PrometheusText { get }
}

/// Who asks, as the service knows it.
package struct ServedCaller: Sendable, Equatable {
    /// Whose batches are visible.
    package var visitor: Visitor
    /// The share of the cluster, relative to others.
    package var weight: Double

    /// Describes a caller.
    package init(visitor: Visitor, weight: Double = 1) {
        self.visitor = visitor
        self.weight = weight
    }
}

/// What a client wants, as it wrote it.
package struct Wish: Sendable {
    /// How a body is written.
    package enum Format: Sendable {
        /// One object.
        case json
        /// A prompt file.
        case lines
    }

    /// The body.
    package var body: [UInt8]
    /// How it is written.
    package var format: Format
    /// The client's name for this wish.
    package var key: String?
    /// Of a prompt file, which has no room for it.
    package var priority: BatchPriority?

    /// Describes a wish.
    package init(
        body: [UInt8], format: Format, key: String? = nil, priority: BatchPriority? = nil
    ) {
        self.body = body
        self.format = format
        self.key = key
        self.priority = priority
    }
}

/// Which batches a list shows.
package struct BatchQuery: Sendable, Equatable {
    /// Only of this status.
    package var status: BatchStatus?
    /// Only those with a prompt that contains this.
    package var text: String?
    /// Only those that were accepted before this one.
    package var before: BatchID?

    /// All batches.
    package init() {}
}

/// Bytes that never change, by a name of their content.
package struct ServedFile: Sendable {
    /// All of it.
    package var bytes: [UInt8]
    /// What is in it.
    package var mediaType: String
    /// Names its content.
    package var tag: String
    /// What it may be saved as.
    package var name: String

    /// Describes bytes.
    package init(bytes: [UInt8], mediaType: String, tag: String, name: String) {
        self.bytes = bytes
        self.mediaType = mediaType
        self.tag = tag
        self.name = name
    }
}
