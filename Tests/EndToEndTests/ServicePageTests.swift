// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension EndToEndTests {
    /// The page, as the program itself serves it; `scripts/test-browser` runs it.
    @Suite struct ServicePageTests {
        @Test func itIsPartOfTheProgram() async throws {
            let studio = try Studio()
            let service = try await studio.serve()
            let page = try await service.client.send("GET", "/")
            #expect(page.status == 200 && page.text.contains("<title>retom</title>"), "\(page)")
            #expect(page.headers["content-security-policy"]?.contains("default-src 'self'") == true)
        }

        /// Its form is made of them.
        @Test func capabilitiesNameChoicesAndLimits() async throws {
            let studio = try Studio()
            let service = try await studio.serve()
            let answer = try await service.client.send("GET", "/retom/v1/capabilities")
            let limits = try #require(answer.json["limits"] as? [String: Double], "\(answer)")
            #expect(limits["side_min"] == 8 && limits["side_max"] == 4096)
            #expect(limits["side_step"] == 8 && limits["cfg_scale"] == 1000)
            #expect(limits["forecast"] == 4 && limits["images_per_batch"] == 10000)
            let profiles = try #require(
                answer.json["merge_profiles"] as? [String: [String: Any]], "\(answer)")
            #expect(profiles.keys.sorted() == ["fast", "paper", "quality"])
            #expect(profiles["fast"]?["ratio"] as? Double == 0.75)
            // A profile is a value of token_merging.
            for (name, profile) in profiles {
                let merging = String(
                    decoding: try JSONSerialization.data(withJSONObject: profile), as: UTF8.self)
                let id = try await service.submit(
                    """
                    {"prompts": ["a boat"], "settings": {"steps": 1, "token_merging": \(merging)}}
                    """)
                #expect(
                    try await service.end(of: id)["status"] as? String == "completed", "\(name)")
            }
        }

        /// A profile is what clients leave open: one that chooses a sampler without forecasts is not
        /// refused for the profile's.
        @Test func aProfileIsOfTheService() async throws {
            let studio = try Studio()
            let service = try await studio.serve(
                "--profile", "fast", "--steps", "12", "--sampling-method", "ddim")
            let answer = try await service.client.send("GET", "/retom/v1/capabilities")
            let defaults = try #require(answer.json["defaults"] as? [String: Any], "\(answer)")
            #expect(defaults["forecast"] as? Int == 2)
            let merging = try #require(defaults["token_merging"] as? [String: Any])
            #expect(merging["ratio"] as? Double == 0.75)
            let id = try await service.submit(
                #"{"prompts": ["a boat"], "settings": {"sampler_name": "Euler a"}}"#)
            #expect(try await service.end(of: id)["status"] as? String == "completed")
        }
    }
}
