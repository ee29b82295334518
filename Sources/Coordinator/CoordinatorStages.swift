// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes

/// What the engine hands its actions to: streams and threads that take them and return at once.
struct CoordinatorStages: Sendable {
    /// Connections to be made.
    let dials: AsyncStream<Dialler.Dial>
    /// What the decoder made, for the consumer.
    let pictures: AsyncStream<DecodeStage.Output>
    let store: StoreStage
    private let decoder: DecodeStage?
    private let relay: EventRelay<CoordinatorEvent>
    private let input: AsyncStream<Coordinator.Event>.Continuation
    private let dialInput: AsyncStream<Dialler.Dial>.Continuation
    private let pictureInput: AsyncStream<DecodeStage.Output>.Continuation

    /// Starts the threads.
    ///
    /// - Parameters:
    ///   - input: takes the events that come of actions.
    ///   - decoder: `nil` leaves the latents as they are.
    ///   - onEvent: called in order on a thread of its own.
    init(
        input: AsyncStream<Coordinator.Event>.Continuation, decoder: (any LatentDecoding)?,
        decodeThreadCount: Int, store: (any RunStoring)?,
        onEvent: @escaping @Sendable (CoordinatorEvent) -> Void
    ) {
        self.input = input
        (dials, dialInput) = AsyncStream.makeStream()
        let (pictures, pictureInput) = AsyncStream<DecodeStage.Output>.makeStream()
        (self.pictures, self.pictureInput) = (pictures, pictureInput)
        let relay = EventRelay(onEvent)
        self.relay = relay
        self.store = StoreStage(
            store: store,
            outputs: StoreStage.Outputs(emit: { input.yield($0) }, report: relay.send))
        self.decoder = decoder.map { decoder in
            DecodeStage(decoder: decoder, threadCount: decodeThreadCount) {
                pictureInput.yield($0)
            }
        }
    }

    func dial(_ id: ConnectionID, _ address: WorkerAddress) { dialInput.yield((id, address)) }

    func decode(_ stored: StoredLatents) {
        if let decoder {
            decoder.submit(stored)
        } else {
            pictureInput.yield(.undecoded(stored.image))
        }
    }

    /// Delivers an event to the engine later.
    func emit(_ event: Coordinator.Event) { input.yield(event) }

    /// Ends all streams; what the threads have is still finished.
    func end() {
        dialInput.finish()
        pictureInput.finish()
        input.finish()
    }

    /// Waits until everything is on the disk and every event has been delivered; ends the threads.
    ///
    /// - Returns: the store's own error, if something could not be stored.
    func shutDown() async -> (any Error)? {
        await decoder?.shutDown()
        let problem = await store.shutDown()
        await relay.finish()
        return problem
    }
}
