// SPDX-License-Identifier: Apache-2.0

/// What the service's paths take and answer, for programs: OpenAPI 3.1.
package enum OpenAPIDocument {
    /// The document, in JSON.
    package static let json = String(decoding: PackageResources.openapi_json, as: UTF8.self)
}
