using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Harness.Io;
using Harness.Kernels;

namespace Harness.Report;

/// <summary>
/// The page's data as JSON that may stand inside a script element: the encoder writes &lt;, &gt; and &amp; as escapes, so no text of a run,
/// whatever it holds, can end the element.
/// </summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(HtmlReport))]
[JsonSerializable(typeof(KernelsPage))]
internal sealed partial class HtmlJson : JsonSerializerContext
{
    public static readonly HtmlJson Inline = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.Default,
        Converters = { new JsonStringEnumConverter<BehaviourVerdict>(JsonNamingPolicy.SnakeCaseLower) },
    });
}
