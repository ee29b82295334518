// SPDX-License-Identifier: Apache-2.0

import Evaluation
import GenerationTypes
import ImageCodec
import Runs

/// The judgements for one setting or directory so far: numbers in memory, pictures on disk.
struct AttributeResults {
    /// The directory of the pictures.
    private enum Place {
        case run(RunDirectory)
        case folder(PictureFolder)
    }

    let name: String
    private(set) var pictures: [JudgedPicture] = []
    private(set) var source: AttributeRecord.Source
    private let place: Place

    /// Pictures to be generated.
    init(_ setting: MergeSetting, directory: RunDirectory) {
        name = setting.name
        source = AttributeRecord.Source(merging: setting.merging)
        place = .run(directory)
    }

    /// Existing pictures.
    init(_ folder: PictureFolder) {
        name = folder.path
        source = AttributeRecord.Source(merging: nil)
        place = .folder(folder)
    }

    /// Judges a prompt's picture on disk.
    ///
    /// - Parameter seed: its seed, if known.
    mutating func add(
        _ image: RGBImage, of prompt: AttributePrompt, seed: UInt64? = nil, judge: AttributeJudge
    ) throws {
        let shown: SceneAttributes
        do {
            shown = try judge.attributes(of: image)
        } catch {
            throw AttributePictureError(name: "\(name), picture \(prompt.index)", cause: error)
        }
        pictures.append(JudgedPicture(prompt, shown: shown, judge: judge.configuration))
        source.files.append((fileName(prompt, seed: seed), seed))
    }

    /// Writes a generated picture, replacing an earlier one.
    func write(_ image: RGBImage, of prompt: AttributePrompt, seed: UInt64) throws {
        guard case .run(let directory) = place else { return }
        let texts = [
            PNGText(keyword: "parameters", text: prompt.prompt),
            PNGText(keyword: "Software", text: ProgramVersion.text),
        ]
        try directory.replace(
            fileName(prompt, seed: seed), bytes: try PNG.encode(image, texts: texts))
    }

    /// Writes a contact sheet of the worst pictures, or none if there are none.
    func writeWorst(
        _ name: String, width: Int, height: Int, to output: RunDirectory
    ) throws {
        let sheet = AttributeSheet(pictures)
        guard !sheet.indices.isEmpty else { return }
        try output.replace(name) { append in
            try sheet.write(
                width: width, height: height,
                texts: [PNGText(keyword: "Software", text: ProgramVersion.text)], picture: image,
                sink: append)
        }
    }

    private func image(_ index: Int) throws -> RGBImage {
        switch place {
        case .run(let directory):
            try PNG.decode(try directory.read(source.files[index].name)).image
        case .folder(let folder): try folder.picture(of: pictures[index].prompt)
        }
    }

    private func fileName(_ prompt: AttributePrompt, seed: UInt64?) -> String {
        switch place {
        case .run: RunFileName.picture(ImageNumber(prompt.index), seed: seed ?? 0)
        case .folder(let folder): folder.name(prompt.index) ?? ""
        }
    }
}

/// A picture that cannot be judged, by its name.
struct AttributePictureError: Error, CustomStringConvertible {
    let name: String
    let cause: JudgeSizeError

    var description: String { "\(name): \(cause)" }
}
