// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import TestSupport
import Testing

extension HTTPDoorTests {
    /// The paths of A1111 and OpenAI.
    @Suite struct DialectTests {
        @Test func everyListOfA1111IsThere() async throws {
            try await HTTPDoorTests.withDoor { client in
                for name in [
                    "options", "sd-models", "samplers", "schedulers", "scripts", "memory", "sd-vae",
                    "upscalers", "latent-upscale-modes", "loras", "embeddings", "hypernetworks",
                    "prompt-styles", "script-info", "cmd-flags", "progress",
                ] {
                    let answer = try await client.send("GET", "/sdapi/v1/\(name)")
                    #expect(answer.status == 200, "\(name): \(answer)")
                    _ = try JSONSerialization.jsonObject(with: Data(answer.body))
                }
                for name in [
                    "interrupt", "skip", "refresh-checkpoints", "refresh-vae", "refresh-loras",
                ] {
                    let answer = try await client.send("POST", "/sdapi/v1/\(name)")
                    #expect(answer.status == 200, "\(name): \(answer)")
                }
                let progress = try await client.send("GET", "/sdapi/v1/progress")
                let state = try #require(progress.json["state"] as? [String: Any])
                #expect(state.count == 9 && progress.json.count == 5, "\(progress)")
                #expect(state["job_count"] as? Int == 0)
                let options = try await client.send("GET", "/sdapi/v1/options")
                let text = String(decoding: options.body, as: UTF8.self)
                #expect(options.json["sd_model_checkpoint"] as? String == "m [0101010101]")
                // Some clients send back all that they got.
                #expect(try await client.post("/sdapi/v1/options", text).text == "null")
                for path in ["/system_stats", "/controlnet/version", "/sdapi/v1/interrogate"] {
                    #expect(try await client.send("GET", path).status == 404, "\(path)")
                }
            }
        }

        @Test func problemsAreToldInEachFamilysWords() async throws {
            try await HTTPDoorTests.withDoor { client in
                let webui = "/sdapi/v1/txt2img"
                let openai = "/v1/images/generations"
                let missing = try await client.post("/sdapi/v1/img2img", "{}")
                #expect(
                    missing.status == 404 && missing.json["error"] as? String == "HTTPException")
                #expect((missing.json["detail"] as? String)?.contains("txt2img") == true)
                for path in [webui, openai] {
                    let form = try await client.send(
                        "POST", path, headers: ["Content-Type": "text/plain"], body: "{}")
                    #expect(form.status == 415, "\(form)")
                }
                let model = try await client.send("GET", "/v1/models/other")
                let error = try #require(model.json["error"] as? [String: Any], "\(model)")
                #expect(model.status == 404 && error["code"] as? String == "model_not_found")
                #expect(error["param"] as? String == "model")
            }
        }

        @Test func picturesComeWithWhatWasIgnored() async throws {
            let service = StandInService()
            service.isDone.withLock { $0 = true }
            try await HTTPDoorTests.withDoor(service) { client in
                let answer = try await client.post(
                    "/sdapi/v1/txt2img", "{\"prompt\":\"a\",\"denoising_strength\":0.7}")
                #expect(answer.status == 200, "\(answer)")
                #expect(answer.headers["x-retom-ignored"] == "denoising_strength")
                #expect(answer.json["images"] as? [String] == ["MDEyMzQ1Njc4OQ=="])
                let text = try #require(answer.json["info"] as? String)
                let info = try #require(
                    try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
                #expect(info["all_seeds"] as? [Int] == [1] && info["clip_skip"] as? Int == 1)
                #expect((info["job_timestamp"] as? String)?.count == 14)
                let other = try await client.post(
                    "/v1/images/generations", "{\"prompt\":\"a\",\"model\":\"dall-e-2\"}")
                let data = try #require(other.json["data"] as? [[String: Any]], "\(other)")
                #expect(data.first?["b64_json"] as? String == "MDEyMzQ1Njc4OQ==")
            }
            #expect(service.leavings.withLock { $0 } == [true, true])
        }
    }
}
