namespace Harness.Results;

/// <summary>Documents other than JSON, to a file or to stdout.</summary>
internal static class TextOutput
{
    /// <summary>Writes a document; does nothing where no target was given.</summary>
    /// <param name="target">A path, <c>-</c> for stdout, or null.</param>
    /// <param name="document">Makes it.</param>
    /// <exception cref="HarnessException">The file cannot be written.</exception>
    public static void Write(string? target, Func<string> document)
    {
        if (target is null)
        {
            return;
        }
        if (JsonOutput.TakesStdout(target))
        {
            StandardOutput.Write(document());
            return;
        }
        try
        {
            File.WriteAllText(target, document());
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw OutputFile.Refused(target, e);
        }
    }
}
