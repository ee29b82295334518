// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import GenerationTypes
import ImageCodec
import Requests
package import Runs

/// The pictures of one run that belong to a study, measured one index after the other.
package struct EvidenceRun {
    /// The rows of one index.
    package struct Group: Sendable {
        package let index: Int
        package let members: [(row: EvidenceRow, image: ImageRecord)]
    }

    package let path: String
    package let report: RunReport
    private let plan: EvidencePlan
    /// By index, ascending.
    package let groups: [Group]

    /// Reads a run's `report.json`.
    ///
    /// - Throws: `EvidenceError`.
    package init(path: String, plan: EvidencePlan, study: EvidenceStudy) throws(EvidenceError) {
        self.path = path
        self.plan = plan
        guard let data = FileManager.default.contents(atPath: "\(path)/report.json"),
            let report = try? JSONText.decode(RunReport.self, from: data)
        else { throw .noReport(path: path) }
        self.report = report
        var members: [Int: [(row: EvidenceRow, image: ImageRecord)]] = [:]
        for image in report.images where image.status == .written {
            guard let place = plan.place(of: image.request) else { continue }
            members[place.index, default: []].append((place.row, image))
        }
        groups = members.sorted { $0.key < $1.key }.map { Group(index: $0.key, members: $0.value) }
        guard !groups.isEmpty else { throw .noRow(path: path, study: study.rawValue) }
    }

    /// Measures all pictures.
    ///
    /// - Parameter progress: called with the number of finished pictures.
    /// - Returns: One entry per row.
    /// - Throws: `EvidenceError`, `PictureFolderError`, and errors of the meter.
    package func measured(
        by meter: any PictureMeter, progress: (_ done: Int) -> Void = { _ in }
    ) throws -> [EvidenceData] {
        var pictures: [String: [EvidencePicture]] = [:]
        var done = 0
        for group in groups {
            let unmerged = try group.members.first { $0.row == .unmerged }
                .map { try picture(of: $0.image) }
            for (row, image) in group.members {
                let picture = try picture(of: image)
                var entry = try meter.measure(picture, prompt: image.request.prompt)
                entry.index = group.index
                if let unmerged, row.seedOffset == 0 {
                    entry.psnr = try ImageQuality.psnr(picture, unmerged)
                    entry.ssim = try ImageQuality.ssim(picture, unmerged)
                    entry.lpips = try meter.lpips(picture, unmerged) ?? .nan
                }
                pictures[row.id, default: []].append(entry)
                done += 1
                progress(done)
            }
        }
        let request = groups[0].members[0].image.request
        return pictures.map { row, pictures in
            EvidenceData(
                row: row,
                conditions: EvidenceConditions(
                    model: report.run.model, request: request, seed: plan.seed, meter: meter.names),
                pictures: pictures)
        }
    }

    /// Pictures of the run that belong to the study.
    package var pictureCount: Int { groups.reduce(0) { $0 + $1.members.count } }

    /// Reads an image's picture.
    ///
    /// - Throws: `PictureFolderError`.
    package func picture(of image: ImageRecord) throws(PictureFolderError) -> RGBImage {
        try PictureFolder.read("\(path)/\(image.file ?? "")").image
    }
}
