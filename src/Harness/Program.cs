using Harness.Cli;
using Harness.Run;

namespace Harness;

internal static class Program
{
    internal static int Main(string[] args)
    {
        Lifeline.Attach();
        return (int)Guarded(() => HarnessCommand.Invoke(args));
    }

    /// <summary>Does it; whatever is thrown becomes a line and an exit code.</summary>
    internal static ExitCode Guarded(Func<ExitCode> action)
    {
        try
        {
            return action();
        }
        catch (HarnessException e)
        {
            Console.Error.WriteLine($"harness: {OneLine.Of(e.Message)}");
            return e.ExitCode;
        }
        catch (Exception e)
        {
            // Nobody foresaw this one, so the reader needs where it happened, not a remedy.
            Console.Error.WriteLine($"harness: this is a bug, please report it: {e}");
            return ExitCode.Failed;
        }
    }
}
