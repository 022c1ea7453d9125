namespace Harness.Results;

/// <summary>Where results go: a full disk or a closed descriptor behind it is the user's affair, not a bug.</summary>
internal static class StandardOutput
{
    /// <exception cref="HarnessException">It cannot be written to.</exception>
    public static void Write(string text)
    {
        try
        {
            Console.Out.Write(text);
            Console.Out.Flush();
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw new HarnessException(ExitCode.Failed, $"cannot write to standard output: {(e.InnerException ?? e).Message.TrimEnd('.')}", e);
        }
    }
}
