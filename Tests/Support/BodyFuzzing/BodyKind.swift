// SPDX-License-Identifier: Apache-2.0

/// What reads a body.
package enum BodyKind: String, Sendable, CaseIterable {
    /// An object of `/retom/v1/batches`.
    case json
    /// A prompt file of `/retom/v1/batches`.
    case lines
    /// `/sdapi/v1/txt2img`
    case txt2img
    /// `/sdapi/v1/options`
    case options
    /// `/sdapi/v1/png-info`
    case pngInfo
    /// `/v1/images/generations`
    case generations

    /// The path that takes it.
    package var path: String {
        switch self {
        case .json, .lines: "/retom/v1/batches"
        case .txt2img: "/sdapi/v1/txt2img"
        case .options: "/sdapi/v1/options"
        case .pngInfo: "/sdapi/v1/png-info"
        case .generations: "/v1/images/generations"
        }
    }

    /// Good bodies that others are made of.
    var samples: [String] {
        switch self {
        case .json:
            [
                #"{"prompts":["a red house"]}"#,
                #"""
                {"prompts":["a \u5bb6",{"prompt":"a boat","seed":7,"token_merging_ratio":0.5,
                "n_iter":2}],"settings":{"steps":20,"cfg_scale":7.5,"width":256,"height":256,
                "sampler_name":"DPM++ 2M Karras","negative_prompt":"dark","clip_skip":1,"eta":0.1,
                "forecast":2,"scheduler":"karras"},"priority":"background","note":"x","model":null}
                """#,
            ]
        case .lines:
            [
                "a red house\n# a comment\na boat\n",
                "{\"prompt\":\"a\",\"seed\":5,\"batch_size\":2}\n--prompt \"a b\" --steps 20\n",
                "[\"a\",{\"prompt\":\"b\",\"width\":64}]\n",
            ]
        case .txt2img:
            [
                #"""
                {"prompt":"a","negative_prompt":"b","seed":-1,"steps":20,"cfg_scale":7,"width":256,
                "height":256,"sampler_name":"Euler a","scheduler":"automatic","batch_size":2,"n_iter":1,
                "denoising_strength":0.7,"enable_hr":false,"override_settings":{"sd_vae":"Automatic",
                "CLIP_stop_at_last_layers":1},"alwayson_scripts":{"x":{"args":[]}},"send_images":true}
                """#,
                #"{"prompt":"a <lora:b:1>","subseed":5,"styles":[],"url":"x","auth":"y"}"#,
            ]
        case .options:
            [#"{"sd_model_checkpoint":"postcards","samples_format":"png","x":[1,2]}"#]
        case .pngInfo: [#"{"image":"data:image/png;base64,iVBORw0KGgo="}"#]
        case .generations:
            [
                #"""
                {"prompt":"a","model":"dall-e-2","n":2,"size":"256x256","response_format":"b64_json",
                "stream":false,"quality":"auto","seed":5,"partial_images":2,"user":"u"}
                """#
            ]
        }
    }
}
