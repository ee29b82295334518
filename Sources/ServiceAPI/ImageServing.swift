// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import GenerationTypes
package import ProcessSupport
package import Requests
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

    /// Who asks in a session; `nil` if it has ended.
    func visitor(session: String) async throws(APIProblem) -> ServedCaller?

    /// Opens a session of a key, which ends after some time, or with the key.
    ///
    /// - Throws: 401 where it is no key of this service.
    func openSession(_ key: String) async throws(APIProblem) -> (text: String, seconds: Int)

    /// Ends a session, however often it is asked.
    func endSession(_ text: String) async throws(APIProblem)

    /// Accepts images; they are on the disk when it returns.
    func submit(
        _ request: SubmissionRequest, by caller: ServedCaller
    ) async throws(APIProblem) -> (batch: BatchAnswer, isReplay: Bool)

    /// Ends a batch, however often it is asked.
    func cancel(_ id: BatchID, by caller: ServedCaller) async throws(APIProblem) -> BatchAnswer

    /// Keeps a batch whatever the limits say, or not any more.
    func pin(
        _ id: BatchID, _ isPinned: Bool, by caller: ServedCaller
    ) async throws(APIProblem) -> BatchAnswer

    /// Removes a batch and all of its results.
    func erase(_ id: BatchID, by caller: ServedCaller) async throws(APIProblem)

    /// A batch as it is now.
    ///
    /// - Parameter images: which of its images are shown; `nil` for none.
    func batch(
        _ id: BatchID, for caller: ServedCaller, images: ImagePage?
    ) async throws(APIProblem) -> BatchAnswer

    /// The caller's batches, newest first.
    func batches(
        _ query: BatchQuery, for caller: ServedCaller
    ) async throws(APIProblem) -> [BatchAnswer]

    /// One image of a batch as it is now; `nil` if the batch is not kept or has no such image.
    func image(
        _ index: Int, of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> ImageAnswer

    /// What an image that is being sampled may become; `nil` where nothing is known of that, or no
    /// longer.
    ///
    /// - Parameter isEnlarged: whether it is as large as the picture will be, or has one pixel per
    ///   latent.
    func preview(
        _ index: Int, of id: BatchID, for caller: ServedCaller, isEnlarged: Bool
    ) async throws(APIProblem) -> ImagePreview?

    /// The bytes of a picture, a PNG.
    ///
    /// - Parameters:
    ///   - width: in pixels; a picture that is wider is made smaller.
    ///   - known: what the client has; that comes without bytes where making them takes time.
    func picture(
        _ index: Int, of id: BatchID, for caller: ServedCaller, width: Int?, known: KnownTags
    ) async throws(APIProblem) -> ServedFile

    /// A contact sheet of a batch's finished pictures, a PNG.
    ///
    /// - Parameters:
    ///   - page: from 1.
    ///   - known: what the client has; that comes without bytes.
    func sheet(
        of id: BatchID, page: Int, for caller: ServedCaller, known: KnownTags
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
    func cluster(for caller: ServedCaller) async throws(APIProblem) -> ClusterAnswer

    /// Gives a worker no images but those that it samples, or new ones again.
    ///
    /// - Throws: 403 for callers that do not run the service, 404 if there is no such worker.
    func setAside(
        _ isSetAside: Bool, worker: String, by caller: ServedCaller
    ) async throws(APIProblem) -> ClusterAnswer.Worker

    /// What happens to a batch, or to all of a caller; it ends with the service, and when the
    /// caller's key is revoked.
    ///
    /// - Parameters:
    ///   - isStream: whether it counts among the caller's event streams; others don't hear of
    ///     progress.
    ///   - previews: whether workers show what images may become.
    func watch(
        _ id: BatchID?, for caller: ServedCaller, isStream: Bool, previews: Bool
    ) async throws(APIProblem) -> EventQueue

    // MARK: Requests that wait

    /// A request does not wait for its batch any more; to be called once for each that was accepted.
    ///
    /// - Parameter isAnswered: whether its client has the answer.
    func left(_ id: BatchID, isAnswered: Bool)

    /// Whether a batch has ended; nothing is read for that.
    func hasEnded(_ id: BatchID, for caller: ServedCaller) throws(APIProblem) -> Bool

    /// A batch that has ended, with its pictures.
    func finished(
        _ id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> FinishedBatch

    /// One image of a batch with its picture.
    func finishedImage(
        _ index: Int, of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> FinishedBatch.Image

    /// The batches that requests of a caller wait for, the first one first.
    func awaited(by caller: ServedCaller, _ origin: BatchOrigin) -> [AwaitedBatch]

    /// Ends the batches that requests of a caller wait for.
    func interrupt(_ caller: ServedCaller, _ origin: BatchOrigin) async throws(APIProblem)

    /// The text chunks of a picture that a client sent, in order.
    func texts(
        inPicture bytes: [UInt8]
    ) async throws(APIProblem) -> [(keyword: String, text: String)]

    /// The model.
    var model: ModelRecord { get }

    /// What a request gets that leaves everything open.
    var defaults: GenerationRequest { get }

    /// The program, such as `retom 0.2.0`.
    var version: String { get }

    // MARK: Health

    /// Why the service takes no work; `nil` if it does.
    var unreadiness: String? { get }

    /// Metrics.
    var metrics: PrometheusText { get }
}

/// Which batches a list shows.
package struct BatchQuery: Sendable, Equatable {
    /// Only of this status.
    package var status: BatchStatus?
    /// Only those with a prompt that contains this.
    package var text: String?
    /// Only those of this model.
    package var model: String?
    /// Only those with an image that merges tokens by this method.
    package var mergeMethod: String?
    /// Only those that were accepted before this one.
    package var before: BatchID?

    /// All batches.
    package init() {}
}

/// Which images of a batch are shown.
package struct ImagePage: Sendable, Equatable {
    /// Images of a page, at most.
    package static let countMax = 1000

    /// The first one's place in the batch, from 0.
    package var from = 0
    /// How many, at most; there are fewer where their prompts are long.
    package var count = 200

    /// The first page.
    package init() {}
}

/// What an image may become.
package struct ImagePreview: Sendable, Equatable {
    /// Steps done when it was estimated.
    package var step: Int
    /// Steps in all.
    package var steps: Int
    /// Its own pixels.
    package var width: Int
    /// Rows of them.
    package var height: Int
    /// A PNG.
    package var picture: [UInt8]

    /// Describes a preview.
    package init(step: Int, steps: Int, width: Int, height: Int, picture: [UInt8]) {
        (self.step, self.steps) = (step, steps)
        (self.width, self.height, self.picture) = (width, height, picture)
    }

    /// The PNG as a `data:` URL.
    package var dataURL: String {
        "data:image/png;base64,\(Data(picture).base64EncodedString())"
    }
}

/// Bytes by a name of their content.
package struct ServedFile: Sendable {
    /// All of it.
    package var bytes: [UInt8]
    /// What is in it.
    package var mediaType: String
    /// Names its content.
    package var tag: String
    /// What it may be saved as.
    package var name: String
    /// Whether its address never gives other bytes.
    package var isFinal: Bool

    /// Describes bytes.
    package init(
        bytes: [UInt8], mediaType: String, tag: String, name: String, isFinal: Bool = true
    ) {
        self.bytes = bytes
        self.mediaType = mediaType
        self.tag = tag
        self.name = name
        self.isFinal = isFinal
    }
}
