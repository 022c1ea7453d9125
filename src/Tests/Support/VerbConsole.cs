namespace Harness.Tests;

/// <summary>The program, run in this process with its output kept. Tests do not run side by side, so the console is theirs.</summary>
internal static class VerbConsole
{
    public static (int Code, string Output, string Error) Invoke(params string[] arguments)
    {
        var (output, error) = (Console.Out, Console.Error);
        using var capturedOutput = new StringWriter { NewLine = "\n" };
        using var capturedError = new StringWriter { NewLine = "\n" };
        Console.SetOut(capturedOutput);
        Console.SetError(capturedError);
        try
        {
            int code = Program.Main(arguments);
            return (code, capturedOutput.ToString(), capturedError.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }
}
