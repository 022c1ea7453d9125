using System.Text;
using Harness.Results;
using Spectre.Console;

namespace Harness.Report;

/// <summary>Where reports are drawn.</summary>
internal static class ReportConsole
{
    /// <summary>Reports are made for this width, so that what is piped into a file looks the same everywhere.</summary>
    public const int Width = 120;

    /// <summary>Draws on stdout: in colour on a terminal, unless NO_COLOR is set (no-color.org); plain where it is piped.</summary>
    public static void ToStdout(Action<IAnsiConsole> draw)
    {
        var colour = !Console.IsOutputRedirected
            && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
            && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");
        StandardOutput.Write(Draw(draw, colour));
    }

    /// <summary>Draws into text, without spaces at the ends of lines.</summary>
    public static string Draw(Action<IAnsiConsole> draw, bool colour = false)
    {
        using var text = new StringWriter { NewLine = "\n" };
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = colour ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = colour ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new Output(text),
        });
        draw(console);
        return string.Concat(text.ToString().TrimEnd('\n').Split('\n').Select(line => line.TrimEnd() + "\n"));
    }

    private sealed class Output(TextWriter writer) : IAnsiConsoleOutput
    {
        public TextWriter Writer => writer;
        public bool IsTerminal => false;
        public int Width => ReportConsole.Width;
        public int Height => 50;

        public void SetEncoding(Encoding encoding)
        {
        }
    }
}
