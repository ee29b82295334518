// SPDX-License-Identifier: Apache-2.0

import Foundation
package import GenerationTypes
package import Requests
package import ServiceAPI
import ServiceLedger

/// What must be true of every body: it is a batch within the limits, or refused as described.
package struct BodyCheck {
    /// A broken rule.
    package struct Finding: Error, CustomStringConvertible {
        package let description: String
    }

    /// Requests of a body, as a service plans them.
    package typealias Planner = (BatchBody) -> Result<[GenerationRequest], APIProblem>

    private static let problemByteCountMax = 512 << 10

    private let model: ModelRecord
    private let plan: Planner
    private let lists: SDAPILists
    private let limits = LedgerLimits()
    /// The statuses that the document has for each path.
    private let statuses: [String: Set<Int>]

    /// - Throws: where the document can't be read.
    package init(model: ModelRecord, plan: @escaping Planner) throws {
        self.model = model
        self.plan = plan
        lists = SDAPILists(
            model: model, defaults: GenerationRequest(prompt: "", seed: 0, width: 64, height: 64))
        let document =
            try JSONSerialization.jsonObject(with: Data(OpenAPIDocument.json.utf8))
            as? [String: Any]
        let paths = document?["paths"] as? [String: [String: [String: Any]]] ?? [:]
        statuses = paths.mapValues { methods in
            let responses = methods["post"]?["responses"] as? [String: Any] ?? [:]
            return Set(responses.keys.compactMap { Int($0) })
        }
    }

    /// Reads a body and plans its batch.
    ///
    /// - Returns: the status that its client would get.
    /// - Throws: the rule that is broken.
    package func status(of bytes: [UInt8], _ kind: BodyKind) throws(Finding) -> Int {
        let dialect = APIDialect(path: kind.path)
        let requests: [GenerationRequest]
        do throws(APIProblem) {
            guard let body = try read(bytes, kind) else { return 200 }
            requests = try plan(body).get()
        } catch {
            return try check(error, dialect, kind)
        }
        let limit = dialect == .native ? limits.imagesPerBatch : SDAPIRequest.imageCountMax
        guard (1...limit).contains(requests.count) else {
            throw Finding(description: "\(requests.count) images were planned")
        }
        return dialect == .native ? 202 : 200
    }

    /// - Returns: `nil` for bodies that ask for no batch.
    private func read(_ bytes: [UInt8], _ kind: BodyKind) throws(APIProblem) -> BatchBody? {
        do throws(PromptListError) {
            switch kind {
            case .json: return try BatchBody(json: bytes)
            case .lines: return try BatchBody(lines: bytes, countMax: limits.imagesPerBatch)
            default: break
            }
        } catch {
            throw APIProblem(error)
        }
        switch kind {
        case .txt2img: return try SDAPIRequest(bytes, model: model).batch
        case .generations: return try OpenAIRequest(bytes, model: model).batch
        case .options: _ = try lists.setOptions(bytes)
        case .pngInfo: _ = try SDAPIAnswer.picture(inBody: bytes)
        case .json, .lines: break
        }
        return nil
    }

    private func check(
        _ problem: APIProblem, _ dialect: APIDialect, _ kind: BodyKind
    ) throws(Finding) -> Int {
        let status = problem.status(in: dialect)
        guard statuses[kind.path]?.contains(status) == true, status < 500 else {
            throw Finding(description: "\(status) is not described: \(problem)")
        }
        let json = problem.json(in: dialect)
        guard json.utf8.count <= Self.problemByteCountMax, !problem.detail.isEmpty,
            (try? JSONSerialization.jsonObject(with: Data(json.utf8))) is [String: Any]
        else { throw Finding(description: "no problem for a client: \(json.prefix(2000))") }
        return status
    }
}
