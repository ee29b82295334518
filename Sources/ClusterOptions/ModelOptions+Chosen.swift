// SPDX-License-Identifier: Apache-2.0

package import CommandSupport
package import RunService
package import Runs

extension ModelOptions {
    /// The model that these options choose.
    ///
    /// - Throws: what `open` and `withAbsolutePaths` throw.
    package func chosen() throws -> ChosenModel {
        let (source, name) = try open()
        // Later sessions may start in another directory.
        let absolute = try withAbsolutePaths()
        return ChosenModel(
            source: source, name: name, path: absolute.model, arguments: absolute.arguments)
    }

    /// The model of a run that is opened: where nothing else is asked for, the run's own.
    ///
    /// - Throws: what `chosen` throws.
    package func chosen(following run: StoredRun) throws -> ChosenModel {
        var options = self
        options.follow(path: run.modelDirectory, run.settings)
        return try options.chosen()
    }
}
