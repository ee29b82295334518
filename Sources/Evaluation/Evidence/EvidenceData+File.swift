// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Requests
import SafeTensors

/// A row's file: `conditions` as JSON in the metadata, one tensor per measurement, `[pictures]` or
/// `[pictures, width]`; features as f16, which changes distances less than one picture more does.
extension EvidenceData {
    /// The file of a row in a directory of measurements.
    package static func path(row: String, in directory: String) -> String {
        "\(directory)/\(row).safetensors"
    }

    /// Reads a row's measurements; `nil` if there are none.
    ///
    /// - Throws: `EvidenceError`.
    package static func read(row: String, in directory: String) throws -> EvidenceData? {
        let path = path(row: row, in: directory)
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            return try EvidenceData(row: row, file: SafeTensorsFile(path: path))
        } catch {
            throw EvidenceError.damaged(path: path, reason: "\(error)")
        }
    }

    private init(row: String, file: SafeTensorsFile) throws {
        let conditions = try JSONText.decode(
            EvidenceConditions.self, from: Array((file.metadata["conditions"] ?? "").utf8))
        let features = try file.tensor("features")
        let columns = try Column.all.map { try file.tensor($0.name).floats() }
        let answers = try file["answers"]?.floats()
        let count = columns[0].count
        let kinds = AttributeKind.allCases
        guard features.shape.count == 2, features.shape[0] == count,
            columns.allSatisfy({ $0.count == count }),
            answers.map({ $0.count == count * kinds.count * 2 }) ?? true
        else { throw EvidenceError.damaged(path: row, reason: "lengths differ") }
        let (width, values) = (features.shape[1], try features.floats())
        let pictures = (0..<count).map { index in
            var picture = EvidencePicture(
                index: 0, promptDigest: 0,
                features: Array(values[index * width..<(index + 1) * width]))
            for (column, found) in zip(Column.all, columns) {
                column.set(&picture, Double(found[index]))
            }
            for (place, kind) in kinds.enumerated() {
                guard let answers else { break }
                let start = (index * kinds.count + place) * 2
                picture.answers[kind] = EvidencePicture.Answers(
                    hits: Int(answers[start]), asked: Int(answers[start + 1]))
            }
            return picture
        }
        self.init(row: row, conditions: conditions, pictures: pictures)
    }

    /// Replaces the row's file.
    package func write(to directory: String) throws {
        var writer = SafeTensorsWriter(metadata: ["conditions": try JSONText.line(conditions)])
        let halves = pictures.flatMap { $0.features.map(Float16.init) }
        let width = pictures.first?.features.count ?? 0
        halves.withUnsafeBytes {
            writer.add("features", .float16, shape: [pictures.count, width], bytes: $0)
        }
        for column in Column.all {
            writer.add(
                column.name, shape: [pictures.count],
                values: pictures.map { Float(column.get($0)) })
        }
        if pictures.contains(where: { !$0.answers.isEmpty }) {
            let kinds = AttributeKind.allCases
            let values = pictures.flatMap { picture in
                kinds.flatMap { kind -> [Float16] in
                    let answers = picture.answers[kind]
                    return [Float16(answers?.hits ?? 0), Float16(answers?.asked ?? 0)]
                }
            }
            values.withUnsafeBytes {
                writer.add(
                    "answers", .float16, shape: [pictures.count, kinds.count, 2], bytes: $0)
            }
        }
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        try writer.write(to: Self.path(row: row, in: directory))
    }

    /// A number per picture.
    private struct Column {
        let name: String
        let get: @Sendable (EvidencePicture) -> Double
        let set: @Sendable (inout EvidencePicture, Double) -> Void

        static let all = [
            Column(name: "index") {
                Double($0.index)
            } set: {
                $0.index = Int($1)
            },
            Column(name: "prompt") {
                Double($0.promptDigest)
            } set: {
                $0.promptDigest = Int($1)
            },
            Column(name: "clip") {
                $0.clip
            } set: {
                $0.clip = $1
            },
            Column(name: "psnr") {
                $0.psnr
            } set: {
                $0.psnr = $1
            },
            Column(name: "ssim") {
                $0.ssim
            } set: {
                $0.ssim = $1
            },
            Column(name: "lpips") {
                $0.lpips
            } set: {
                $0.lpips = $1
            },
        ]

        private init(
            name: String, get: @escaping @Sendable (EvidencePicture) -> Double,
            set: @escaping @Sendable (inout EvidencePicture, Double) -> Void
        ) {
            self.name = name
            self.get = get
            self.set = set
        }
    }
}

/// The pictures to which rows are compared, as `reference.safetensors`.
extension PictureStatistics {
    private static func path(in directory: String) -> String {
        "\(directory)/reference.safetensors"
    }

    /// Reads the reference of a directory of measurements.
    ///
    /// - Throws: `EvidenceError`.
    package static func reference(in directory: String) throws -> PictureStatistics? {
        let path = path(in: directory)
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            let file = try SafeTensorsFile(path: path)
            let mean = try file.tensor("mean").floats().map(Double.init)
            let covariance = try file.tensor("covariance").floats().map(Double.init)
            guard let count = file.metadata["count"].flatMap(Int.init),
                covariance.count == mean.count * mean.count
            else { throw EvidenceError.damaged(path: path, reason: "lengths differ") }
            return PictureStatistics(count: count, mean: mean, covariance: covariance)
        } catch {
            throw EvidenceError.damaged(path: path, reason: "\(error)")
        }
    }

    /// Writes the reference of a directory of measurements.
    package func writeReference(to directory: String) throws {
        var writer = SafeTensorsWriter(metadata: ["count": "\(count)"])
        writer.add("mean", shape: [mean.count], values: mean.map(Float.init))
        writer.add(
            "covariance", shape: [mean.count, mean.count], values: covariance.map(Float.init))
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        try writer.write(to: Self.path(in: directory))
    }
}
