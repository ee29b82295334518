// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
import ImageCodec
package import ServiceAPI
package import ServiceLedger
import Synchronization

/// Previews: workers make them while somebody watches, and nobody else pays for them.
extension ImageService {
    /// Each image is shown so often at most.
    private static let previewInterval = Duration.seconds(1)

    package func preview(
        _ index: Int, of id: BatchID, for caller: ServedCaller, isEnlarged: Bool
    ) async throws(APIProblem) -> ImagePreview? {
        let found = state.withLock { state -> (AcceptedBatch, LatentPreview)? in
            guard
                case .live(let view) = state.ledger.visibility(of: id, to: caller.visitor),
                index < view.accepted.imageCount,
                let shown = state.previews[view.accepted.number(at: index)]
            else { return nil }
            return (view.accepted, shown)
        }
        guard let (accepted, shown) = found else { return nil }
        return try await perform { [painter] () throws(APIProblem) in
            let request = accepted.request(at: index)
            guard var image = painter.picture(of: shown.latents) else { return nil }
            if isEnlarged {
                image = image.enlarged(width: request.width, height: request.height)
            }
            // Of sizes that were accepted every picture can be written.
            guard let picture = try? PNG.encode(image) else { return nil }
            return ImagePreview(
                step: shown.step, steps: request.modelCallCount, width: image.width,
                height: image.height, picture: picture)
        }
    }

    /// Asks for previews of an image that a worker has begun, if somebody watches.
    func beginPreviews(of image: ImageNumber) {
        // Under the lock, so that the coordinator hears in the order of the decisions.
        state.withLock { state in
            guard let (batch, _) = state.ledger.batch(of: image),
                state.hub.wantsPreviews(of: batch.id, owner: batch.caller),
                state.previews.watch(image)
            else { return }
            coordinator.watch(image, every: Self.previewInterval)
        }
    }

    /// Somebody begins to watch: images that workers have already are shown, too.
    func beginPreviews(for visitor: Visitor) {
        let images = state.withLock { $0.ledger.imagesWithWorkers }
        for image in images where visitor.isAdmin || image.owner == visitor.caller {
            beginPreviews(of: image.number)
        }
    }

    /// Nobody watches some images any more.
    func endUnwatchedPreviews() {
        state.withLock { state in
            let images = state.previews.watched.filter { image in
                guard let (batch, _) = state.ledger.batch(of: image) else { return true }
                return !state.hub.wantsPreviews(of: batch.id, owner: batch.caller)
            }
            for image in images {
                state.previews.endWatch(image)
                coordinator.watch(image, every: nil)
            }
        }
    }

    /// A worker says what an image may become.
    func show(_ preview: LatentPreview, of image: ImageNumber) {
        state.withLock { state in
            guard let (batch, index) = state.ledger.batch(of: image),
                state.previews.show(preview, of: image)
            else { return }
            state.hub.publish(.preview(batch.id, index: index), of: batch.id, owner: batch.caller)
        }
    }

    /// Images whose sampling has ended are shown as they are.
    func forgetPreviews(after event: CoordinatorEvent) {
        let image: ImageNumber
        switch event {
        case .completed(let result): image = result.image
        case .failed(let number, _), .cancelled(let number): image = number
        case .retried(let number, _): return state.withLock { $0.previews.begin(number) }
        default: return
        }
        state.withLock { $0.previews.forget(image) }
    }
}
