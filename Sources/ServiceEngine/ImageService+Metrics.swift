// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
package import ProcessSupport
import Requests
import Runs
import ServiceAPI
import ServiceLedger
import Synchronization

/// A service in numbers, for Prometheus; callers have no labels.
extension ImageService {
    package var metrics: PrometheusText {
        let (queue, fleet, streams, commits, accepts, finished, failed) = state.withLock {
            (
                $0.ledger.queue, $0.fleet, $0.hub.count,
                $0.commitSeconds, $0.acceptSeconds, $0.finishedCount, $0.failedCount
            )
        }
        var page = PrometheusText()
        add(state.withLock { $0.ledger.figures(now: now) }, to: &page)
        page.add(
            "retom_offered_images", .gauge, "Images that workers have, or get next.",
            Double(queue.offeredCount))
        page.add(
            "retom_live_batches", .gauge, "Batches that have not ended.", Double(queue.liveCount))
        page.add(
            "retom_images_total", .counter, "Images with an outcome since the start.",
            [
                (["outcome": "written"], Double(finished)),
                (["outcome": "failed"], Double(failed)),
            ])
        let states = ["ready", "draining", "drained"].map { ($0, fleet.count($0)) }
        let others = fleet.workers.count - states.reduce(0) { $0 + $1.1 }
        page.add(
            "retom_workers", .gauge, "Workers, by what they do.",
            (states + [("other", others)]).map { (["state": $0], Double($1)) })
        if let seconds = queue.imageSeconds {
            page.add("retom_image_seconds", .gauge, "Smoothed time of an image.", seconds)
        }
        page.add("retom_accept_seconds", "Time until a batch was accepted.", accepts)
        page.add("retom_commit_seconds", "Time until a change was on the disk.", commits)
        page.add("retom_sse_clients", .gauge, "Event streams.", Double(streams))
        if let room = try? freeByteCount(store) {
            page.add(
                "retom_disk_free_bytes", .gauge, "Room on the disk of the state.", Double(room))
        }
        page.add(
            "retom_kept_bytes", .gauge, "Pictures and latents of all batches that are kept.",
            Double(queue.keptByteCount))
        let traffic = coordinator.traffic
        page.add(
            "retom_wire_bytes_total", .counter, "Bytes on all connections to workers.",
            [
                (["direction": "received"], Double(traffic.received)),
                (["direction": "sent"], Double(traffic.sent)),
            ])
        ProcessMetrics.add(to: &page)
        return page
    }

    private func add(_ figures: LedgerFigures, to page: inout PrometheusText) {
        let model = model.name
        page.add(
            "retom_queue_images", .gauge, "Images without an outcome.",
            BatchPriority.allCases.map {
                (
                    ["model": model, "priority": $0.rawValue],
                    Double(figures.openCounts[$0, default: 0])
                )
            })
        if let seconds = figures.openSeconds {
            page.add(
                "retom_queue_seconds", .gauge,
                "Workers' time that images without an outcome take, as images took it lately.",
                [(["model": model], seconds)])
        }
        page.add(
            "retom_oldest_wait_seconds", .gauge,
            "Since the oldest batch was accepted that has images nobody has.",
            figures.oldestWaitSeconds)
        page.add(
            "retom_batches", .gauge, "Batches that are kept, by status.",
            BatchStatus.allCases.map {
                (["status": $0.rawValue], Double(figures.batchCounts[$0, default: 0]))
            })
        page.add(
            "retom_orphans_total", .counter,
            "Batches whose last waiting request was lost, by what became of them.",
            OrphanEnd.allCases.map {
                (["end": $0.rawValue], Double(figures.orphanCounts[$0, default: 0]))
            })
    }
}
