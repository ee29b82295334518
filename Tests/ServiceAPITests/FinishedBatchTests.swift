// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Requests
import ServiceAPI
import ServiceLedger
import Testing

/// What requests are answered with that waited for a batch.
@Suite struct FinishedBatchTests {
    private static let model = ModelRecord(
        name: "m",
        fingerprint: ModelFingerprint(
            unet: Array(repeating: 1, count: 32), textEncoder: Array(repeating: 2, count: 32),
            vae: Array(repeating: 3, count: 32)))

    private func batch(_ status: BatchStatus, pictures: Int, failures: [String]) -> FinishedBatch {
        var answer = BatchAnswer(
            id: BatchID("b1"), model: "m", prompt: "a", created: 1,
            imageCount: pictures + failures.count)
        answer.status = status.rawValue
        let image = FinishedBatch.Image(
            request: GenerationRequest(prompt: "a", seed: 1, width: 64, height: 64),
            picture: [1, 2], infotext: "a")
        return FinishedBatch(
            batch: answer, images: Array(repeating: image, count: pictures), failures: failures)
    }

    /// 63 pictures of 64 are an answer; the reason of the other one is beside them.
    @Test func oneFailedImageCostsNoOther() throws {
        let finished = batch(.failed, pictures: 63, failures: ["image 7: no"])
        #expect(finished.problem(in: .sdapi) == nil && finished.problem(in: .openai) == nil)
        let asked = try SDAPIRequest(Array("{\"prompt\":\"a\"}".utf8), model: Self.model)
        let webui = try JSONObject.read(
            Array(
                SDAPIAnswer.pictures(finished, to: asked, model: Self.model, version: "v").utf8))
        guard case .array(let images)? = webui["images"], case .string(let text)? = webui["info"]
        else {
            Issue.record("\(webui)")
            return
        }
        let info = try JSONObject.read(Array(text.utf8))
        #expect(images.count == 63 && info["warnings"] == .array([.string("image 7: no")]))
        guard case .array(let seeds)? = info["all_seeds"] else {
            Issue.record("\(info)")
            return
        }
        #expect(seeds.count == 63)
        let openai = try JSONObject.read(Array(OpenAIAnswer.pictures(finished).utf8))
        guard case .array(let data)? = openai["data"] else {
            Issue.record("\(openai)")
            return
        }
        #expect(data.count == 63 && openai["warnings"] == .array([.string("image 7: no")]))
        // Who takes them one by one hears it at the end.
        #expect(finished.streamProblem?.status == 500)
    }

    @Test func nothingIsTheAnswerOnlyWhereNothingIs() throws {
        let none = batch(.failed, pictures: 0, failures: ["image 0: no", "image 1: no"])
        for dialect in [APIDialect.sdapi, .openai] {
            let problem = try #require(none.problem(in: dialect))
            #expect(problem.status == 500 && problem.problems.count == 2)
            #expect(problem.headers["x-should-retry"] == "false")
        }
        let whole = batch(.completed, pictures: 2, failures: [])
        #expect(whole.problem(in: .openai) == nil && whole.streamProblem == nil)
        #expect(try !OpenAIAnswer.pictures(whole).contains("warnings"))
        // A1111 answers an interrupted request with what there is.
        let cancelled = batch(.cancelled, pictures: 0, failures: [])
        #expect(cancelled.problem(in: .sdapi) == nil)
        #expect(cancelled.problem(in: .openai)?.status == 409)
        #expect(cancelled.streamProblem?.code == "cancelled")
    }

    /// The name that the client gave the field, not one that its sentence happens to hold.
    @Test(arguments: [
        ("{\"prompt\":\"a\",\"steps\":\"many\"}", "steps"),
        ("{\"prompt\":\"a\",\"cfg_scale\":true}", "cfg_scale"),
        ("{\"prompt\":\"a\",\"n\":65}", "n"), ("{\"prompt\":\"a\",\"n\":0}", "n"),
        ("{\"prompt\":\"a\",\"size\":\"12\"}", "size"), ("{\"prompt\":3}", "prompt"),
        ("{\"prompt\":\"a\",\"sampler_name\":\"steps\"}", "sampler_name"),
        ("{\"prompt\":\"a\",\"enable_hr\":true}", "enable_hr"),
        ("{\"prompt\":\"a\",\"seed\":\"a prompt\"}", "seed"),
    ]) func paramNamesTheField(_ body: String, _ param: String) {
        do {
            _ = try OpenAIRequest(Array(body.utf8), model: Self.model)
            Issue.record("\(body) is fine")
        } catch {
            #expect(error.param == param && error.status(in: .openai) == 400, "\(error)")
        }
    }

    @Test func whatThePlanRefusesHasTheClientsName() throws {
        let body = "{\"prompt\":\"a\",\"size\":\"64x4\"}"
        let asked = try OpenAIRequest(Array(body.utf8), model: Self.model)
        var random = SystemRandomNumberGenerator()
        do throws(PromptListError) {
            _ = try RequestPlan(
                entries: asked.batch.entries,
                settings: GenerationSettings(width: 64, height: 64), seed: .random, batchCount: 1,
                using: &random)
            Issue.record("4 pixels are fine")
        } catch {
            let problem = APIProblem(error)
            #expect(problem.param == "height" && asked.named(problem).param == "size")
        }
    }
}
