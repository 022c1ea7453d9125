using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Harness.Load;
using Harness.Measure;

namespace Harness.Cli;

/// <summary>
/// <c>harness loads</c>, hidden: several loads in turn in one process, as <c>guest-init.sh</c> asks for them. In a guest whose every instruction is
/// emulated, starting the program takes ten times what a cell does. Each line of standard input is the number of a window and then what is written behind
/// <c>harness load</c>; it is answered by a line with the exit code.
/// </summary>
internal static class LoadsVerb
{
    public static Command Create()
    {
        var verb = new Command("loads", "loads in turn, a line of standard input for each: the number of its window, and the arguments of load") { Hidden = true };
        verb.SetAction(_ => (int)Run(Console.In, Console.Out));
        return verb;
    }

    private static ExitCode Run(TextReader lines, TextWriter answers)
    {
        // What a load says to people goes nowhere: whoever asks has the JSON, and reads codes here.
        Console.SetOut(TextWriter.Null);
        Command load = LoadVerb.Create();
        while (lines.ReadLine() is { } line)
        {
            var (window, arguments) = line.Split(' ', 2) is [var number, var rest] ? (number, rest) : (line, "");
            Environment.SetEnvironmentVariable(WindowMarks.Variable, window);
            ExitCode code = Program.Guarded(() => Run(load, arguments));
            answers.WriteLine(((int)code).ToString(CultureInfo.InvariantCulture));
            answers.Flush();
        }
        return ExitCode.Done;
    }

    private static ExitCode Run(Command load, string arguments)
    {
        ParseResult parse = load.Parse(CommandLineParser.SplitCommandLine(arguments).ToArray(), new ParserConfiguration { ResponseFileTokenReplacer = null });
        return parse.Errors.Count == 0
            ? LoadRunner.Run(LoadVerb.Parse(parse))
            : throw new HarnessException(ExitCode.Usage, $"loads: '{arguments}': {parse.Errors[0].Message.TrimEnd('.')}");
    }
}
