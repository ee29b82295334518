// SPDX-License-Identifier: Apache-2.0

package import Requests

extension APIProblem {
    /// What is wrong with a body.
    package init(_ error: PromptListError) {
        switch error {
        case .problems(let problems):
            let all = problems.map(\.description)
            let isOfType = problems.contains(where: \.isOfType)
            self.init(
                isOfType ? 400 : 422, isOfType ? "wrong_type" : "invalid",
                all.count == 1 ? all[0] : "\(all.count) problems: \(all[0]); …",
                problems: Array(all.prefix(100)), param: problems.first?.field)
        case .settings(let problem): self.init(422, "invalid", problem, problems: [problem])
        case .tooMany(source: _, let what):
            self.init(
                422, "batch_too_large", "the prompt file has more than \(what); divide it")
        case .empty: self.init(422, "invalid", "there is no prompt; add one")
        default: self.init(400, "unreadable", error.description)
        }
    }
}
