using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Harness.Results;

/// <summary><c>--json FILE|-</c>.</summary>
internal static class JsonOutput
{
    /// <summary>Whether stdout belongs to the JSON, so that nothing else may be printed there.</summary>
    public static bool TakesStdout(string? target) => target == "-";

    /// <summary>Writes one document, with a final newline; does nothing where no target was given.</summary>
    /// <param name="target">A path, <c>-</c> for stdout, or null.</param>
    /// <param name="document">What to write.</param>
    /// <param name="type">
    /// Its type, of <see cref="ResultsJson.Document"/>; asked for only where it is written, since to make one takes a third of a short run's time.
    /// </param>
    /// <exception cref="HarnessException">The file cannot be written.</exception>
    public static void Write<T>(string? target, T document, Func<ResultsJson, JsonTypeInfo<T>> type)
    {
        if (target is null)
        {
            return;
        }
        var text = JsonSerializer.Serialize(document, type(ResultsJson.Document)) + "\n";
        if (TakesStdout(target))
        {
            StandardOutput.Write(text);
            return;
        }
        try
        {
            File.WriteAllText(target, text);
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw OutputFile.Refused("--json", target, e);
        }
    }
}
