namespace Harness;

/// <summary>A failure that the user can do something about: the message is the one line that is printed, without a stack trace.</summary>
internal sealed class HarnessException(ExitCode exitCode, string message, Exception? cause = null) : Exception(message, cause)
{
    public ExitCode ExitCode { get; } = exitCode;
}
