// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import ImageCodec
import Runs
import ServiceEngine
import TestSupport
import Testing

/// Smaller pictures, and sheets of them, over HTTP.
@Suite(.timeLimit(.minutes(5))) struct PictureTests {
    @Test func picturesAreMadeSmallerNeverLarger() async throws {
        try await TestService.with { service in
            let id = try await service.finish(Family.native.body(more: ", \"height\": 128"))
            let path = "/retom/v1/batches/\(id)/images/0"
            let whole = try await service.client.send("GET", path)
            #expect(try PNG.decode(whole.body).text("parameters") != nil)
            for width in [16, 32, 63] {
                let answer = try await service.client.send("GET", path + "?width=\(width)")
                let contents = try PNG.decode(answer.body)
                #expect(contents.image.width == width && contents.image.height == 2 * width)
                #expect(contents.image.bytes.allSatisfy { $0 == 128 })
                #expect(contents.texts.isEmpty, "\(contents.texts)")
                let tag = try #require(answer.headers["etag"])
                #expect(tag.hasSuffix("-w\(width)\"") && tag != whole.headers["etag"])
                #expect(answer.headers["cache-control"]?.contains("immutable") == true)
                let known = try await service.client.send(
                    "GET", path + "?width=\(width)", headers: ["If-None-Match": tag])
                #expect(known.status == 304 && known.body.isEmpty, "\(known)")
                let part = try await service.client.send(
                    "GET", path + "?width=\(width)", headers: ["Range": "bytes=1-3"])
                #expect(part.status == 206 && part.text == "PNG", "\(part)")
            }
            for width in [64, 65, 1024] {
                let answer = try await service.client.send("GET", path + "?width=\(width)")
                #expect(
                    answer.body == whole.body && answer.headers["etag"] == whole.headers["etag"])
            }
            for width in ["15", "1025", "0", "-1", "x", ""] {
                let answer = try await service.client.send("GET", path + "?width=\(width)")
                #expect(answer.status == 422 && answer.text.contains("16 to 1024"), "\(answer)")
            }
        }
    }

    @Test func aDamagedPictureHasNoThumbnail() async throws {
        try await TestService.with { service in
            let id = try await service.finish(Family.native.body())
            let folder = "\(service.store.directory)/pictures/\(id)"
            let name = try #require(FileManager.default.contentsOfDirectory(atPath: folder).first)
            try Data([1, 2, 3]).write(to: URL(filePath: "\(folder)/\(name)"))
            let path = "/retom/v1/batches/\(id)"
            let answer = try await service.client.send("GET", path + "/images/0?width=32")
            #expect(answer.status == 410, "\(answer)")
            #expect(answer.json["code"] as? String == "no_picture", "\(answer)")
            // A sheet with a hole is better than none.
            #expect(try await service.client.send("GET", path + "/sheet").status == 200)
        }
    }

    @Test func aSheetFollowsItsBatch() async throws {
        try await TestService.with {
            $0.gate = Gate(upTo: 0)
        } _: { service in
            let id = try #require(
                try await service.submit(.native, Family.native.body(3)).json["id"] as? String)
            let path = "/retom/v1/batches/\(id)/sheet"
            func sheet(
                _ query: String = "", _ tag: String? = nil
            ) async throws -> HTTPClient.Answer {
                try await service.client.send(
                    "GET", path + query, headers: tag.map { ["If-None-Match": $0] } ?? [:])
            }
            let early = try await sheet()
            #expect(early.status == 404 && early.json["code"] as? String == "not_ready")
            #expect(early.headers["retry-after"] != nil, "\(early)")
            service.gate.open(upTo: 1)
            try await service.wait("a picture is there") { try await sheet().status == 200 }
            let first = try await sheet()
            #expect(first.headers["cache-control"] == "private, no-cache", "\(first)")
            #expect(try PNG.decode(first.body).image.width == 8 + 64 + 8)
            let tag = try #require(first.headers["etag"])
            #expect(try await sheet("?page=1", tag).status == 304)
            service.gate.open()
            try await service.wait("the batch ends") {
                try await service.batch(id)["completed"] as? Double != nil
            }
            let last = try await sheet("", tag)
            #expect(last.status == 200 && last.headers["etag"] != tag, "\(last)")
            #expect(last.headers["cache-control"]?.contains("immutable") == true)
            #expect(try PNG.decode(last.body).image.width == 8 + 2 * (64 + 8))
            let beyond = try await sheet("?page=2")
            #expect(beyond.status == 404 && beyond.json["code"] as? String == "unknown_page")
            for query in ["?page=0", "?page=x", "?page=-1", "?page=9999999"] {
                #expect(try await sheet(query).status == 422, "\(query)")
            }
            #expect(
                try await service.client.send("GET", "/retom/v1/batches/b9/sheet").status == 404)
            #expect(
                try await service.client.send("DELETE", "/retom/v1/batches/\(id)").status == 204)
            #expect(try await sheet().status == 410)
        }
    }

    @Test func aBatchWithoutPicturesHasNoSheet() async throws {
        try await TestService.with { service in
            let id = try await service.finish(Family.native.body(seed: Gate.failingSeed))
            let answer = try await service.client.send("GET", "/retom/v1/batches/\(id)/sheet")
            #expect(answer.status == 410, "\(answer)")
            #expect(answer.json["code"] as? String == "no_picture", "\(answer)")
        }
    }
}
