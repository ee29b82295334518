// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import WireProtocol

/// Images: accepted, sampled, kept until acknowledged, returned.
extension WorkerStateMachine {
    mutating func assigned(
        _ lease: Lease, _ request: GenerationRequest, _ preparation: Preparation,
        on id: ConnectionID, owner: [UInt8]
    ) {
        if isDraining || connections[id]?.isDraining == true {
            actions.append(
                .send(id, .nak(lease, WireReason(.draining, "\(node.name) is stopping"))))
            return
        }
        if adopt(lease, request, on: id, owner: owner) { return }
        guard heldCount < node.credits else {
            let reason = WireReason(.overCredit, "\(node.name) already holds \(heldCount) images")
            actions.append(.send(id, .nak(lease, reason)))
            return
        }
        do {
            try request.validate()
        } catch {
            actions.append(
                .send(id, .term(lease, WireReason(.requestInvalid, error.description))))
            return
        }
        queue.append(
            Job(
                id: nextJob, lease: lease, request: request, preparation: preparation,
                owner: owner, stepCount: request.modelCallCount,
                reporter: StepReporter(
                    interval: timeouts.progressInterval.seconds,
                    stepCount: request.modelCallCount)))
        nextJob += 1
    }

    /// Puts a new lease on work already done or in progress for this image.
    ///
    /// Equal requests give equal bytes, so after a lost connection nothing is sampled twice.
    private mutating func adopt(
        _ lease: Lease, _ request: GenerationRequest, on id: ConnectionID, owner: [UInt8]
    ) -> Bool {
        func matches(_ other: Lease, _ otherRequest: GenerationRequest, _ otherOwner: [UInt8])
            -> Bool
        {
            if plantedBug == .adoptByNumber { return other.item == lease.item }
            return other.item == lease.item && otherOwner == owner && otherRequest == request
        }
        if let index = kept.firstIndex(where: { matches($0.result.lease, $0.request, $0.owner) }) {
            kept[index].result.lease = lease
            send(kept[index], on: id)
            return true
        }
        let adopted = running.firstIndex {
            !$0.isCancelled && matches($0.lease, $0.request, $0.owner)
        }
        if let index = adopted {
            running[index].lease = lease
            running[index].isOrphan = false
            let job = running[index]
            sendProgress(lease, step: job.step, stepCount: job.stepCount, seconds: 0)
            return true
        }
        if let index = queue.firstIndex(where: { matches($0.lease, $0.request, $0.owner) }) {
            queue[index].lease = lease
            return true
        }
        return false
    }

    mutating func cancel(_ lease: Lease, on id: ConnectionID, owner: [UInt8]) {
        if kept.contains(where: { $0.result.lease == lease && $0.owner == owner }) {
            return  // The result is on its way; the coordinator will acknowledge it.
        }
        if running.contains(where: { $0.lease == lease && $0.owner == owner }) {
            cancelRunning { $0.lease == lease && $0.owner == owner }
            return  // NAK follows when the thread has actually stopped.
        }
        queue.removeAll { $0.lease == lease && $0.owner == owner }
        actions.append(.send(id, .nak(lease, WireReason(.cancelled, "cancelled"))))
    }

    /// Somebody watches an image, or nobody does any more.
    mutating func watch(_ lease: Lease, _ interval: Int, owner: [UInt8]) {
        if let index = running.firstIndex(where: { $0.lease == lease && $0.owner == owner }) {
            guard running[index].previewInterval != interval else { return }
            running[index].previewInterval = interval
            actions.append(.watch(running[index].id, intervalMilliseconds: interval))
        } else if let index = queue.firstIndex(where: { $0.lease == lease && $0.owner == owner }) {
            queue[index].previewInterval = interval
        }
    }

    /// Returns a request that is not completely understood: ignoring a part would give another
    /// picture.
    mutating func giveBack(_ lease: Lease, _ error: WireError, on id: ConnectionID) {
        connections[id]?.prepared = nil
        connections[id]?.unclear = nil
        let reason = WireReason(error.code, error.description)
        actions.append(
            .report(
                .imageFailed(
                    item: Int(lease.item), attempt: lease.attempt, reason: reason.text)))
        actions.append(.send(id, .nak(lease, reason)))
    }

    mutating func giveBackQueue(reason: String) {
        for job in queue where isForActive(job) {
            send(.nak(job.lease, WireReason(.draining, reason)))
        }
        queue = []
    }

    mutating func stepped(_ id: JobID, step: Int, stepCount: Int, seconds: Double) {
        guard let index = index(of: id) else { return }
        running[index].step = step
        running[index].stepCount = stepCount
        let mean = running[index].reporter.report(
            step: step, isLast: step == stepCount, seconds: seconds)
        let job = running[index]
        guard let mean, !job.isCancelled, isForActive(job) else { return }
        sendProgress(job.lease, step: step, stepCount: stepCount, seconds: mean)
    }

    /// The coordinator learns at once that fewer steps are left than it may assume.
    mutating func resumed(_ id: JobID, step: Int, stepCount: Int) {
        guard let index = index(of: id) else { return }
        running[index].step = step
        running[index].stepCount = stepCount
        let job = running[index]
        actions.append(
            .report(
                .imageResumed(item: Int(job.lease.item), attempt: job.lease.attempt, step: step)))
        guard !job.isCancelled, isForActive(job) else { return }
        sendProgress(job.lease, step: step, stepCount: stepCount, seconds: 0)
    }

    mutating func checkpointIgnored(_ id: JobID, reason: String) {
        guard let job = index(of: id).map({ running[$0] }) else { return }
        actions.append(
            .report(
                .checkpointIgnored(
                    item: Int(job.lease.item), attempt: job.lease.attempt, reason: reason)))
    }

    mutating func saved(_ id: JobID, step: Int, _ bytes: [UInt8]) {
        guard let index = index(of: id), bytes.count <= WireLimits.checkpointByteCountMax
        else { return }
        let job = running[index]
        guard !job.isCancelled, isForActive(job) else { return }
        // A checkpoint after the last reported step would not be accepted.
        if let mean = running[index].reporter.flush() {
            sendProgress(job.lease, step: step, stepCount: job.stepCount, seconds: mean)
        }
        let checkpoint = SamplingCheckpoint(
            step: step, kernelClass: node.kernelClass, bytes: bytes)
        send(.checkpoint(job.lease, checkpoint))
    }

    mutating func previewed(_ id: JobID, _ preview: LatentPreview) {
        guard let job = index(of: id).map({ running[$0] }), job.previewInterval > 0,
            !job.isCancelled, isForActive(job)
        else { return }
        send(.preview(job.lease, preview))
    }

    mutating func decoded(_ id: JobID, _ picture: WorkerPicture) {
        guard let index = index(of: id),
            picture.image.bytes.count <= WireLimits.pictureByteCountMax
        else { return }
        running[index].picture = picture
    }

    mutating func notDecoded(_ id: JobID, reason: String) {
        guard let job = index(of: id).map({ running[$0] }) else { return }
        actions.append(
            .report(
                .imageNotDecoded(
                    item: Int(job.lease.item), attempt: job.lease.attempt, reason: reason)))
    }

    /// Sends a result, preceded by its picture if there is one.
    mutating func send(_ item: KeptResult, on id: ConnectionID) {
        if let picture = item.picture {
            actions.append(.send(id, .picture(item.result.lease, picture)))
        }
        actions.append(.send(id, .result(item.result)))
    }

    mutating func finished(_ id: JobID, _ sampled: SampledImage) {
        guard let job = index(of: id).map({ running.remove(at: $0) }) else { return }
        if job.isCancelled {
            cancelled(job)
            return
        }
        actions.append(
            .report(
                .imageFinished(
                    item: Int(job.lease.item), attempt: job.lease.attempt,
                    seconds: sampled.facts.timings.totalSeconds)))
        let item = KeptResult(
            result: LatentResult(lease: job.lease, sampled: sampled), picture: job.picture,
            request: job.request, owner: job.owner)
        kept.append(item)
        if isForActive(job), let active { send(item, on: active) }
        // Results of coordinators that never came back make room for newer ones.
        while kept.count > keptCountMax,
            let index = kept.firstIndex(where: { $0.owner != activeInstance })
        {
            kept.remove(at: index)
        }
    }

    mutating func failed(_ id: JobID, _ reason: WireReason) {
        guard let job = index(of: id).map({ running.remove(at: $0) }) else { return }
        if job.isCancelled {
            cancelled(job)
            return
        }
        actions.append(
            .report(
                .imageFailed(
                    item: Int(job.lease.item), attempt: job.lease.attempt, reason: reason.text)))
        guard isForActive(job) else { return }
        send(reason.code.isRetryable ? .nak(job.lease, reason) : .term(job.lease, reason))
    }

    /// Starts images while threads are free and not too many results are waiting.
    mutating func beginNext() {
        let countMax = node.pictureCount + (plantedBug == .sampleTwo ? 1 : 0)
        while running.count < countMax, !queue.isEmpty,
            kept.count(where: { $0.owner == activeInstance }) + running.count < keptCountMax
        {
            begin(queue.removeFirst())
        }
    }

    private mutating func begin(_ next: Job) {
        var job = next
        let foreign = job.preparation.checkpoint.flatMap {
            $0.kernelClass == node.kernelClass ? nil : $0.kernelClass
        }
        if foreign != nil { job.preparation.checkpoint = nil }
        let preparation = job.preparation
        // The generator owns it from now on.
        job.preparation.checkpoint = nil
        running.append(job)
        actions.append(
            .report(.imageBegan(item: Int(job.lease.item), attempt: job.lease.attempt)))
        sendProgress(job.lease, step: 0, stepCount: job.stepCount, seconds: 0)
        if let foreign {
            checkpointIgnored(
                job.id, reason: "its checkpoint is of another kernel class, \(foreign)")
        }
        actions.append(.begin(job.id, job.request, preparation))
        if job.previewInterval > 0 {
            actions.append(.watch(job.id, intervalMilliseconds: job.previewInterval))
        }
    }

    /// Asks the running images that fit to end.
    mutating func cancelRunning(where isUnwanted: (Job) -> Bool) {
        for index in running.indices
        where !running[index].isCancelled && isUnwanted(running[index]) {
            running[index].isCancelled = true
            actions.append(.cancel(running[index].id))
        }
    }

    /// The place of a job among the running ones.
    private func index(of id: JobID) -> Int? { running.firstIndex { $0.id == id } }

    private mutating func cancelled(_ job: Job) {
        actions.append(
            .report(
                .imageCancelled(item: Int(job.lease.item), attempt: job.lease.attempt)))
        if isForActive(job) { send(.nak(job.lease, WireReason(.cancelled, "cancelled"))) }
    }

    var activeInstance: [UInt8]? { active.flatMap { connections[$0]?.instance } }

    func isForActive(_ job: Job) -> Bool { job.owner == activeInstance }

    private mutating func send(_ message: Message) {
        if let active { actions.append(.send(active, message)) }
    }

    private mutating func sendProgress(_ lease: Lease, step: Int, stepCount: Int, seconds: Double) {
        send(
            .progress(
                ProgressReport(lease: lease, step: step, stepCount: stepCount, seconds: seconds)))
    }
}
