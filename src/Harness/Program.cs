using Harness.Cli;
using Harness.Run;

namespace Harness;

internal static class Program
{
    internal static int Main(string[] args)
    {
        Lifeline.Attach();
        try
        {
            return (int)HarnessCommand.Invoke(args);
        }
        catch (HarnessException e)
        {
            Console.Error.WriteLine($"harness: {OneLine.Of(e.Message)}");
            return (int)e.ExitCode;
        }
        catch (Exception e)
        {
            // Nobody foresaw this one, so the reader needs where it happened, not a remedy.
            Console.Error.WriteLine($"harness: this is a bug, please report it: {e}");
            return (int)ExitCode.Failed;
        }
    }
}
