// SPDX-License-Identifier: Apache-2.0

import HTTPService
import ServiceEngine
import ServiceLedger
import Synchronization
import TestSupport
import Testing

/// A service in numbers, and its disk while that is full, over HTTP.
@Suite(.timeLimit(.minutes(5))) struct MetricsTests {
    private func page(_ service: TestService) async throws -> [String: Double] {
        try PrometheusPage(try await service.client.send("GET", "/metrics").text).values
    }

    @Test func theQueueIsInTheMetrics() async throws {
        try await TestService.with {
            $0.gate = Gate(upTo: 0)
        } _: { service in
            let id = try #require(
                try await service.submit(.native, Family.native.body(3)).json["id"] as? String)
            try await service.wait("an image has begun") {
                try await service.batch(id)["status"] as? String == "generating"
            }
            service.pass(seconds: 100)
            let busy = try await page(service)
            #expect(busy["retom_queue_images{model=\"m\",priority=\"normal\"}"] == 3, "\(busy)")
            #expect(busy["retom_queue_images{model=\"m\",priority=\"interactive\"}"] == 0)
            #expect(busy["retom_queue_seconds{model=\"m\"}"] == nil, "it is not known")
            #expect(try #require(busy["retom_oldest_wait_seconds"]) >= 100)
            #expect(busy["retom_batches{status=\"generating\"}"] == 1)
            #expect(busy["retom_batches{status=\"completed\"}"] == 0)
            #expect(try #require(busy["retom_http_seconds_count"]) > 0)
            service.gate.open(upTo: 1)
            try await service.wait("one of three is there") {
                try await page(service)["retom_queue_images{model=\"m\",priority=\"normal\"}"] == 2
            }
            #expect(try #require(try await page(service)["retom_queue_seconds{model=\"m\"}"]) > 0)
            service.gate.open()
            try await service.wait("the batch is completed") {
                try await page(service)["retom_batches{status=\"completed\"}"] == 1
            }
            let idle = try await page(service)
            #expect(idle["retom_queue_images{model=\"m\",priority=\"normal\"}"] == 0, "\(idle)")
            #expect(idle["retom_queue_seconds{model=\"m\"}"] == 0)
            #expect(idle["retom_oldest_wait_seconds"] == 0)
            #expect(idle["retom_batches{status=\"generating\"}"] == 0)
        }
    }

    @Test func orphansAreInTheMetrics() async throws {
        try await TestService.with {
            $0.gate = Gate(upTo: 0)
            $0.times.silenceMax = .milliseconds(5)
        } _: { service in
            _ = try await service.submit(.sdapi, Family.sdapi.body(), until: "\r\n \r\n")
            try await service.wait("the client is gone") { service.awaited(.sdapi).isEmpty }
            #expect(try await page(service)["retom_orphans_total{end=\"cancelled\"}"] == 0)
            service.pass(seconds: 61)
            try await service.wait("it is cancelled") {
                try await page(service)["retom_orphans_total{end=\"cancelled\"}"] == 1
            }
            let values = try await page(service)
            #expect(values["retom_orphans_total{end=\"adopted\"}"] == 0, "\(values)")
            #expect(values["retom_orphans_total{end=\"finished\"}"] == 0, "\(values)")
        }
    }

    /// How much of a disk is free.
    private final class Disk: Sendable {
        let freeByteCount = Mutex(1000)
    }

    @Test func noImageBeginsOnAFullDiskAndAllDoWhenThereIsRoom() async throws {
        let disk = Disk()
        try await TestService.with {
            $0.gate = Gate(upTo: 1)
            $0.freeByteCountMin = 100
            $0.freeByteCount = { _ in disk.freeByteCount.withLock { $0 } }
        } _: { service in
            let body = Family.native.body(6)
            let id = try #require(try await service.submit(.native, body).json["id"] as? String)
            // Quick images are lent ahead: the worker has one and gets one.
            try await service.wait("two of six are offered") {
                let batch = try await service.batch(id)
                return batch["processing"] as? Int == 2 && batch["waiting"] as? Int == 3
            }
            disk.freeByteCount.withLock { $0 = 100 }
            service.pass(seconds: 5)
            #expect(try await page(service)["retom_disk_free_bytes"] == 100)
            service.gate.open()
            try await service.wait("what was offered is finished") {
                try await service.batch(id)["processing"] as? Int == 0
            }
            for _ in 0..<3 { service.pass(seconds: 5) }
            let waiting = try await service.batch(id)
            #expect(waiting["waiting"] as? Int == 3, "\(waiting)")
            #expect(waiting["processing"] as? Int == 0, "\(waiting)")
            #expect(waiting["is_possible"] as? Bool == false, "\(waiting)")
            #expect((waiting["reason"] as? String)?.contains("full") == true, "\(waiting)")
            #expect(try await service.submit(.native, body).status == 503)
            #expect(try await service.client.send("GET", "/readyz").status == 503)
            disk.freeByteCount.withLock { $0 = 101 }
            service.pass(seconds: 5)
            try await service.wait("the batch ends") {
                try await service.batch(id)["status"] as? String == "completed"
            }
            #expect(try await service.batch(id)["reason"] == nil)
        }
    }
}
