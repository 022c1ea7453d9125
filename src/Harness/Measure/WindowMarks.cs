using System.Globalization;
using Harness.Io;

namespace Harness.Measure;

/// <summary>
/// Where the measured part lies among the instructions of a guest: <c>HARNESS_WINDOW</c>, which <c>guest-init.sh</c> sets to the cell's number.
/// </summary>
internal static class WindowMarks
{
    public const string Variable = "HARNESS_WINDOW";

    /// <summary>The marks that the environment asks for; null where it asks for none, which costs nothing.</summary>
    /// <exception cref="HarnessException">The number is none, or this CPU has no marks.</exception>
    public static InstructionMarks? Asked()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } text)
        {
            return null;
        }
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number > InstructionMarks.MaxNumber)
        {
            throw new HarnessException(ExitCode.Usage, $"{Variable}={text}: not a number from 0 to {InstructionMarks.MaxNumber}; unset it, unless a guest is counted");
        }
        try
        {
            return new InstructionMarks(number);
        }
        catch (Exception e) when (e is IoException or PlatformNotSupportedException)
        {
            throw new HarnessException(ExitCode.Failed, $"{Variable}: {OneLine.Of(e.Message)}", e);
        }
    }
}
