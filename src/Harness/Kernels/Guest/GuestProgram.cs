using System.Runtime.InteropServices;
using Harness.Kernels.Archive;
using Harness.Measure;
using Harness.Run;

namespace Harness.Kernels.Guest;

/// <summary>
/// The program as guests run it: compiled ahead of time (ReadyToRun), so that with tiering off nothing is compiled in a measured part and little before it.
/// Where there is no source tree or no SDK, it is this program as it is, which then compiles each method when it is first called: slower to start, as exact.
/// </summary>
/// <param name="Folder">Where it lies.</param>
/// <param name="ReadyToRun">Whether it is compiled ahead of time.</param>
internal sealed record GuestProgram(string Folder, bool ReadyToRun)
{
    private const string Launcher = "harness";

    /// <param name="cache">Keeps it, by the identity of this build.</param>
    /// <param name="say">Told what takes long.</param>
    public static GuestProgram Make(KernelCache cache, Action<string> say)
    {
        string folder = cache.Folder($"program/{ProgramBuild.Id}");
        if (File.Exists(Path.Combine(folder, Launcher)))
        {
            return new GuestProgram(folder, ReadyToRun: true);
        }
        string project = Path.Combine(Checkout.Root ?? "", "src", "Harness", "Harness.csproj");
        if (Checkout.Root is null || !File.Exists(project) || ProgramPath.Find("dotnet") is not { } dotnet)
        {
            say("no source tree or no .NET SDK here: guests get this program without code compiled ahead, and start more slowly");
            return new GuestProgram(AppContext.BaseDirectory, ReadyToRun: false);
        }
        say("compiling the program ahead of time for the guests (once for each build, about a minute) ...");
        string unfinished = cache.Folder($"program/.{ProgramBuild.Id}.{Environment.ProcessId}");
        ToolResult published = ToolCommand.Run(
            [
                dotnet, "publish", project, "-c", "Release", "-r", $"linux-{RuntimeInformation.OSArchitecture.ToString().ToLowerInvariant()}",
                "--no-self-contained", "-p:PublishReadyToRun=true", "-p:DebugType=none",
                "-p:UseSharedCompilation=false", "-nodeReuse:false", "-v", "q", "--nologo", "-o", unfinished,
            ],
            folder: Checkout.Root,
            environment: new Dictionary<string, string> { ["MSBUILDTERMINALLOGGER"] = "off", ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1" });
        if (published.ExitCode != 0)
        {
            Remove(unfinished);
            say($"it could not be compiled ahead ({OneLine.Of(published.Output).Split(" [")[0]}); guests get it as it is, and start more slowly");
            return new GuestProgram(AppContext.BaseDirectory, ReadyToRun: false);
        }
        try
        {
            Directory.Move(unfinished, folder);
        }
        catch (IOException) when (File.Exists(Path.Combine(folder, Launcher)))
        {
            // Another call was quicker, and made the same.
            Remove(unfinished);
        }
        return new GuestProgram(folder, ReadyToRun: true);
    }

    private static void Remove(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
