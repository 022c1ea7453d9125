namespace Harness.Load;

/// <summary>Drives an NBD server and prints what it cost.</summary>
internal static class LoadRunner
{
    /// <param name="options">Which server, and which load.</param>
    public static ExitCode Run(LoadOptions options)
    {
        Console.Error.WriteLine($"harness load: this build has no load generator, so {options.Uri} is not driven");
        return ExitCode.Failed;
    }
}
