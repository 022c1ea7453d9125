namespace Harness.Serve;

/// <summary>Runs the NBD server until it is told to stop.</summary>
internal static class ServeRunner
{
    /// <param name="options">What to serve, and where.</param>
    /// <param name="stop">Cancelled by SIGTERM and SIGINT: the server drains, then returns.</param>
    public static ExitCode Run(ServeOptions options, CancellationToken stop)
    {
        Console.Error.WriteLine($"harness serve: this build has no server, so {options.Block} is not served");
        return ExitCode.Failed;
    }
}
