// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
package import ImageCodec

/// Writes a run's contact sheets: `grid-0000.png` and, for large runs, more of them.
package enum RunSheets {
    /// Puts the pictures of a run on as few sheets as the style's limit allows.
    ///
    /// Pictures are read back from the directory one row at a time. Images that failed, or whose
    /// file is gone or damaged, leave their cell black, and the caption says so.
    ///
    /// - Parameters:
    ///   - images: The run's images, in order.
    ///   - directory: Where the pictures are and the sheets go.
    ///   - version: This program, for the sheet's `Software` text.
    ///   - style: Rows, padding, captions and the limit.
    /// - Returns: The sheets' names.
    /// - Throws: `ImageCodecError.sheetTooLarge` before anything is rendered, or what writing
    ///   throws.
    package static func write(
        _ images: [ImageRecord], to directory: RunDirectory, version: String,
        style: ContactSheetStyle = ContactSheetStyle()
    ) throws -> [String] {
        let width = images.map(\.request.width).max() ?? 0
        let height = images.map(\.request.height).max() ?? 0
        let pages = try ContactSheetLayout.pages(
            count: images.count, cellWidth: width, cellHeight: height, style: style)
        var names: [String] = []
        for (page, range) in pages.enumerated() {
            let shown = images[range]
            let sheet = try ContactSheet(
                count: shown.count, cellWidth: width, cellHeight: height,
                captions: shown.map(caption), style: style)
            let name = RunFileName.sheet(page: page)
            try directory.replace(name, ownOnly: true) { append in
                try sheet.write(
                    texts: [PNGText(keyword: "Software", text: version)],
                    picture: { picture(of: images[range.lowerBound + $0], in: directory) },
                    sink: append)
            }
            names.append(name)
        }
        return names
    }

    /// So many sheets a run of these images has at most.
    static func pageCount(
        of requests: [GenerationRequest], style: ContactSheetStyle = ContactSheetStyle()
    ) -> Int {
        let pages = try? ContactSheetLayout.pages(
            count: requests.count, cellWidth: requests.map(\.width).max() ?? 0,
            cellHeight: requests.map(\.height).max() ?? 0, style: style)
        return pages?.count ?? 0
    }

    private static func caption(_ image: ImageRecord) -> ContactSheet.Caption {
        ContactSheet.Caption(
            prompt: image.request.prompt, image: image.number, seed: image.request.seed,
            hasFailed: image.status == .failed)
    }

    private static func picture(of image: ImageRecord, in directory: RunDirectory) -> RGBImage? {
        guard image.status == .written, let file = image.file else { return nil }
        // A sheet with a hole is better than none; the file itself is the user's to mend.
        guard let bytes = try? directory.read(file) else { return nil }
        return try? PNG.decode(bytes).image
    }
}
