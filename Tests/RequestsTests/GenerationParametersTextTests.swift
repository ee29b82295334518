// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Requests
import Testing
import TokenMerging

@Suite struct GenerationParametersTextTests {
    private let model = ModelRecord(
        name: "postcards",
        fingerprint: ModelFingerprint(
            unet: [0x6c, 0xe0, 0x16, 0x16, 0x89] + [UInt8](repeating: 1, count: 27),
            textEncoder: [UInt8](repeating: 2, count: 32),
            vae: [UInt8](repeating: 0xAB, count: 32)))

    private func text(
        _ request: GenerationRequest, extra: [GenerationParametersText.Field] = []
    ) -> GenerationParametersText {
        // As a plan leaves it.
        var request = request
        try? request.settleTokenMerging()
        return GenerationParametersText(
            request: request, model: model, version: "retom 0.1.0",
            mergeMethod: TokenMergeRegistry.displayName(of:), extra: extra)
    }

    @Test func everythingAtItsPlace() {
        let request = GenerationRequest(
            prompt: "a red house\nin the snow", negativePrompt: "blur, noise", seed: 42,
            width: 512, height: 768, inferenceStepCount: 20, guidanceScale: 7,
            samplingMethod: .dpmPlusPlus2M, sigmaSchedule: .karras, clipSkip: 2,
            tokenMerging: TokenMergeConfiguration())
        let extra = [GenerationParametersText.Field("ENSD", "31337")]
        #expect(
            text(request, extra: extra).text == """
                a red house
                in the snow
                Negative prompt: blur, noise
                Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 42, \
                Size: 512x768, Model hash: 6ce0161689, Model: postcards, VAE hash: abababab\
                ab, Clip skip: 2, ENSD: 31337, Token merging ratio: 0.5, RNG: CPU, \
                Token merging method: ReToM, Version: retom 0.1.0
                """)
    }

    /// Methods by the names that people know them by; ToDo's ratio is its factor's.
    @Test(
        arguments: [
            ("tome", "ToMeSD", "0.5"), ("atc", "ATC", "0.5"), ("importance", "Importance", "0.5"),
            ("todo", "ToDo", "0.75"), ("later", "later", "0.5"),
        ])
    func mergingIsNamed(method: String, name: String, ratio: String) {
        let request = GenerationRequest(
            prompt: "a", seed: 1, width: 64, height: 64,
            tokenMerging: TokenMergeConfiguration(method: method))
        #expect(text(request)["Token merging method"] == name)
        #expect(text(request)["Token merging ratio"] == ratio)
    }

    @Test func defaultsAreLeftOut() {
        let request = GenerationRequest(
            prompt: "a house", seed: 1, width: 64, height: 64, guidanceScale: 7.5,
            samplingMethod: .ddim, clipSkip: 1, tokenMerging: .none)
        #expect(
            text(request).text == """
                a house
                Steps: 25, Sampler: DDIM, CFG scale: 7.5, Seed: 1, Size: 64x64, \
                Model hash: 6ce0161689, Model: postcards, VAE hash: ababababab, RNG: CPU, \
                Version: retom 0.1.0
                """)
    }

    @Test func aRescaledGuidanceIsWritten() {
        var request = GenerationRequest(prompt: "a", seed: 1, width: 64, height: 64)
        #expect(text(request)["CFG Rescale"] == nil)
        request.guidanceRescale = 0.7
        #expect(text(request)["CFG Rescale"] == "0.7")
    }

    @Test func etaIsWrittenForSamplersThatReadIt() {
        var request = GenerationRequest(prompt: "a", seed: 1, width: 64, height: 64, eta: 0.5)
        #expect(text(request)["Eta DDIM"] == "0.5")
        request.samplingMethod = .euler
        #expect(text(request)["Eta DDIM"] == nil && text(request)["Eta"] == nil)
    }

    /// TCD's default is not what a reader assumes, so it is always written.
    @Test func tcdIsNamedWithItsEta() {
        var request = GenerationRequest(
            prompt: "a", seed: 1, width: 64, height: 64, inferenceStepCount: 4, guidanceScale: 1,
            samplingMethod: .tcd, tokenMerging: .none)
        #expect(
            text(request).text == """
                a
                Steps: 4, Sampler: TCD, CFG scale: 1, Seed: 1, Size: 64x64, \
                Model hash: 6ce0161689, Model: postcards, VAE hash: ababababab, RNG: CPU, \
                Eta: 0.3, Version: retom 0.1.0
                """)
        request.eta = 0
        #expect(text(request)["Eta"] == "0")
    }

    @Test(
        arguments: [
            ("a red house", ""), ("two\nlines", "blur,\nnoise"), ("", "blur"), ("", ""),
            ("a (house:1.2), [boat]", "text: signature"), ("雪の家 🏠", "ノイズ"),
            ("quote \" and \\ backslash", "'"), ("Steps: 3, Seed: 4", ""),
        ])
    func textsReadBackAsTheyWereWritten(prompt: String, negativePrompt: String) {
        let request = GenerationRequest(
            prompt: prompt, negativePrompt: negativePrompt, seed: 7, width: 64, height: 32,
            samplingMethod: .eulerAncestral, sigmaSchedule: .karras)
        let written = text(
            request,
            extra: [
                .init("Note", "a, b: \"c\" \\ d\nnext"), .init("Template", "plain"),
            ])
        let read = GenerationParametersText(parsing: written.text)
        #expect(read == written)
        #expect(read["Note"] == "a, b: \"c\" \\ d\nnext")
    }

    @Test func aModelsNameWithSeparatorsIsQuoted() {
        var model = model
        model.name = "my, model: v2"
        let request = GenerationRequest(prompt: "a", seed: 1, width: 64, height: 64)
        let written = GenerationParametersText(
            request: request, model: model, version: "retom 1", mergeMethod: { $0 })
        #expect(written.text.contains("Model: \"my, model: v2\", "))
        #expect(GenerationParametersText(parsing: written.text)["Model"] == "my, model: v2")
    }

    /// A text from A1111's own documentation of the format, and one from sd.cpp.
    @Test func textsOfOtherProgramsAreRead() {
        let a1111 = GenerationParametersText(
            parsing: """
                girl with an artist beret, determined, blue eyes
                Negative prompt: NSFW, easynegative, (low quality, worst quality:1.3)
                Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 11, Seed: 965400086, \
                Size: 512x512, Model hash: 45dee52b, Lora hashes: "a: 1, b: 2", Version: v1.6.0
                """)
        #expect(a1111.prompt == "girl with an artist beret, determined, blue eyes")
        #expect(a1111.negativePrompt == "NSFW, easynegative, (low quality, worst quality:1.3)")
        #expect(a1111["Sampler"] == "DPM++ 2M Karras")
        #expect(a1111["Seed"] == "965400086")
        #expect(a1111["Lora hashes"] == "a: 1, b: 2")
        #expect(a1111["Version"] == "v1.6.0")
        #expect(a1111.fields.count == 8)
        let plain = GenerationParametersText(parsing: "a prompt: with, one: colon")
        #expect(plain.prompt == "a prompt: with, one: colon")
        #expect(plain.fields.isEmpty)
    }
}
