// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import ImageCodec

/// Generates the same prompts with the same seeds under several merge settings.
package struct MergeComparison {
    /// One prompt's pictures, without merging first, then one per setting.
    package struct Row {
        package var request: GenerationRequest
        package var images: [RGBImage]
        package var records: [ComparisonRecord]
    }

    /// The settings to compare; the unmerged pictures are added.
    package let settings: [MergeSetting]
    private let painter: PicturePainter

    /// - Throws: `MergeSettingError`.
    package init(
        settings: [MergeSetting], painter: PicturePainter
    ) throws(MergeSettingError) {
        try MergeSettingError.check(settings)
        self.settings = settings
        self.painter = painter
    }

    /// The columns of a comparison.
    package var columns: [MergeSetting] { [.unmerged] + settings }

    /// Generates a picture that does not count, without merging, and makes a first call with every
    /// setting, so that no measured picture includes one-time work or a cold processor.
    ///
    /// - Throws: any error of a setting for this model and size.
    package func warmUp(_ request: GenerationRequest) throws {
        for setting in settings {
            var request = request
            request.tokenMerging = setting.merging
            try painter.warmUp(request, decodes: false)
        }
        var request = request
        request.tokenMerging = .none
        _ = try painter.draw(request)
    }

    /// Generates one prompt with every setting.
    ///
    /// - Parameter index: the index of the prompt; the order of the pictures rotates with it, so
    ///   that no setting always follows the same one.
    package func draw(_ request: GenerationRequest, index: Int) throws -> Row {
        let columns = columns
        var images: [RGBImage?] = Array(repeating: nil, count: columns.count)
        var records: [ComparisonRecord?] = images.map { _ in nil }
        for turn in columns.indices {
            let column = (turn + index) % columns.count
            var merged = request
            merged.tokenMerging = columns[column].merging
            let (image, record) = try painter.draw(merged)
            records[column] = record
            images[column] = image
        }
        var row = Row(
            request: request, images: images.compactMap { $0 }, records: records.compactMap { $0 })
        for column in columns.indices.dropFirst() {
            let image = row.images[column]
            row.records[column].psnr = try ImageQuality.psnr(image, row.images[0])
            row.records[column].ssim = try ImageQuality.ssim(image, row.images[0])
        }
        return row
    }
}
